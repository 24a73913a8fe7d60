// SPDX-License-Identifier: LGPL-2.1-or-later
/* CRIU's dump: with a freeze at its end, as a rehearsal, and the pre-dump. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/merge.h"
#include "criu/hook.h"
#include "criu/run.h"
#include "sys/namespaces.h"

/* Longest dump without any sign of progress. A dump to files gives no sign. */
#define BLIND_SECONDS 600

struct wb_criu_frozen {
	struct wb_criu_run run;
	char *unit;
};

/*
 * Open the target's namespaces that differ from this process's. The mount namespace is last, since
 * entering it changes /proc.
 */
static int open_namespaces(
	struct wb_criu_run *r, const struct wb_criu_dump *dump, struct wb_error *err)
{
	static const enum wb_ns order[] = {
		WB_NS_UTS, WB_NS_IPC, WB_NS_NET, WB_NS_CGROUP, WB_NS_MNT};
	const struct wb_ns_whose whose = {.unit = dump->unit,
		.cgroup = dump->cgroup,
		.private_users = dump->image->own_users,
		.pid = dump->image->main_pid};
	WB_CLEAN_NS_SET set = {};
	int e = wb_ns_open(
		dump->namespaces ? dump->namespaces : &wb_ns_ops_host, &whose, &set, err);

	/* CRIU saves an IPC namespace that is not its own. */
	r->new_ipc = dump->image->own_ipc;
	for (size_t i = 0; e == 0 && i < sizeof(order) / sizeof(*order); i++) {
		int fd = r->new_ipc && order[i] == WB_NS_IPC ? -1 : wb_ns_to_enter(&set, order[i]);

		if (fd >= 0)
			fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		else
			continue;
		if (fd < 0)
			return wb_criu_failed(err, "keep a namespace open");
		r->namespaces[r->n_namespaces++] = fd;
	}
	if (e == 0 && set.own[WB_NS_NET]) {
		r->outer = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
		if (r->outer < 0)
			return wb_criu_failed(err, "ask for the machine's sockets");
	}
	return e;
}

static int begin_dump(struct wb_criu_run *r, const struct wb_sys *sys,
	const struct wb_criu_dump *dump, bool hold, struct wb_error *err)
{
	int e;

	wb_criu_run_init(r);
	r->sys = sys;
	r->unit = dump->unit;
	r->log = "dump.log";
	r->apart = true;
	r->timeout = dump->timeout_seconds ? dump->timeout_seconds : WB_CRIU_DEFAULT_TIMEOUT;
	e = wb_criu_open_program(r, dump->program, err);
	if (e == 0)
		e = wb_criu_open_dir(r, dump->dir, err);
	if (e == 0)
		e = open_namespaces(r, dump, err);
	if (e == 0 && !dump->incremental)
		e = wb_criu_listen(r, WB_STREAM_CAPTURE_SOCKET, err);
	if (e == 0 && hold)
		e = wb_criu_make_hook(r, err);
	if (e < 0)
		return e;
	unlinkat(r->dir_fd, "stats-dump", 0);
	unlinkat(r->dir_fd, r->log, 0);
	return 0;
}

static int incremental_argv(const struct wb_criu_run *r, const struct wb_criu_dump *dump,
	const char *hook, struct wb_strv *ret)
{
	char images[64];

	snprintf(images, sizeof(images), "/proc/self/fd/%d", r->images);
	return wb_criu_incremental_argv(dump, r->inside, images, hook, ret);
}

static int start_dump(
	struct wb_criu_run *r, const struct wb_criu_dump *dump, bool hold, struct wb_error *err)
{
	WB_CLEAN_STR hook = NULL;
	WB_CLEAN_STRV argv = {}, env = {};
	int e = hold ? wb_criu_fd_path(r->hook, &hook) : 0;

	if (e == 0 && dump->incremental)
		e = incremental_argv(r, dump, hook, &argv);
	else if (e == 0)
		e = wb_criu_dump_argv(dump, r->inside, hook, &argv);
	if (e == 0)
		e = wb_strv_add(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	if (e == 0 && hold)
		e = wb_criu_hook_env(r, &env);
	if (e == 0 && dump->held)
		e = wb_strv_add(&env, WB_HOOK_HELD "=1");
	if (e < 0)
		return wb_fail(err, e, "out of memory");
	e = wb_criu_add_preload(r, dump->image, &env, err);
	if (e < 0)
		return e;
	return wb_criu_start(r, argv.items, env.items, NULL, 0, err);
}

/* Take images until CRIU waits for an answer of the hook, or until it ends if there is no hook. */
static int take_images(struct wb_criu_run *r, const struct wb_stream_sink *sink,
	struct wb_stream_stats *ret, struct wb_error *err)
{
	int e = wb_criu_accept(r, err);

	if (e == 0 && r->sock >= 0)
		e = wb_stream_capture(r->sock, r->ready, r->timeout * 1000, sink, ret, err);
	return e < 0 ? wb_criu_give_up(r, e, err) : 0;
}

static int64_t frozen_time(const struct wb_criu_run *r)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_BLOB stats = {};
	int64_t us = 0;

	if (asprintf(&path, "%s/stats-dump", r->dir) < 0) {
		path = NULL;
		return 0;
	}
	if (r->sys->files->read(r->sys->files->ctx, path, 1 << 16, &stats, NULL) < 0 ||
		wb_criu_parse_stats(wb_blob_view(&stats), &us) < 0)
		return 0;
	return us;
}

int wb_criu_rehearse(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, int64_t *ret_frozen_us, struct wb_error *err)
{
	struct wb_stream_stats stats = {};
	WB_CLEAN_CRIU_RUN r;
	int status, e;

	e = begin_dump(&r, sys, dump, false, err);
	if (e == 0)
		e = start_dump(&r, dump, false, err);
	if (e == 0)
		e = take_images(&r, dump->sink, &stats, err);
	if (e == 0)
		e = wb_criu_reap(&r, WB_CRIU_CURE_SECONDS, &status, err);
	if (e < 0)
		return e;
	if (status)
		return wb_criu_tell_exit(&r, status, "checkpointed", err);
	*ret_stats = stats;
	*ret_frozen_us = frozen_time(&r);
	return 0;
}

/* Put the images of the pre-dump where CRIU expects them, beside those of this dump. */
static int lay_out_before(struct wb_criu_run *r, struct wb_error *err)
{
	int known = openat(r->dir_fd, "before", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int before = -1, e;

	if (known < 0)
		return wb_fail(err, -ENOENT, "%s has not been dumped before", r->unit);
	e = wb_criu_make_memory(r, err);
	if (e == 0)
		e = wb_criu_open_below(r->memory, "before", &before, err);
	if (e == 0)
		e = wb_criu_for_files(known, wb_criu_copy_known, &before, err);
	if (e == 0)
		e = wb_criu_open_below(r->memory, "last", &r->images, err);
	wb_criu_close(&before);
	wb_criu_close(&known);
	/*
	 * These images are good for one dump only: a dump makes the kernel forget the changes
	 * before it, so the next dump would miss them.
	 */
	if (e == 0)
		e = wb_criu_open_below(r->dir_fd, "before", &known, err);
	wb_criu_close(&known);
	if (e == 0 && unlinkat(r->dir_fd, "before", AT_REMOVEDIR) < 0)
		e = wb_criu_failed(err, "forget what was dumped");
	return e;
}

/* Wait until the action script says that all is dumped, or CRIU ends. Then take its files. */
static int take_files(struct wb_criu_run *r, const struct wb_stream_sink *sink,
	struct wb_stream_stats *ret, struct wb_error *err)
{
	struct pollfd p[2] = {
		{.fd = r->ready, .events = POLLIN}, {.fd = r->pidfd, .events = POLLIN}};
	struct wb_criu_feeding f = {.sink = sink, .prefix = ""};
	int n, e;

	do {
		n = poll(p, 2, BLIND_SECONDS * 1000);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return wb_criu_give_up(r,
			wb_fail(err, -ETIMEDOUT, "criu did not dump %s within %d seconds", r->unit,
				BLIND_SECONDS),
			err);
	if (!p[0].revents)
		return 0;
	e = wb_criu_for_files(r->images, wb_criu_feed_file, &f, err);
	if (e < 0)
		return wb_criu_give_up(r, e, err);
	*ret = f.stats;
	return 0;
}

int wb_criu_freeze(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, struct wb_criu_frozen **ret, struct wb_error *err)
{
	struct wb_stream_stats stats = {};
	struct wb_criu_frozen *f;
	WB_CLEAN_CRIU_RUN r;
	int status, e;

	e = begin_dump(&r, sys, dump, true, err);
	if (e == 0 && dump->incremental)
		e = lay_out_before(&r, err);
	if (e == 0)
		e = start_dump(&r, dump, true, err);
	if (e == 0)
		e = dump->incremental ? take_files(&r, dump->sink, &stats, err)
				      : take_images(&r, dump->sink, &stats, err);
	if (e < 0)
		return e;
	if (!wb_criu_hook_ready(&r, 0)) {
		e = wb_criu_reap(&r, WB_CRIU_CURE_SECONDS, &status, err);
		return e < 0 ? e : wb_criu_tell_exit(&r, status, "checkpointed", err);
	}
	f = calloc(1, sizeof(*f));
	if (f)
		f->unit = strdup(dump->unit);
	if (!f || !f->unit) {
		free(f);
		return wb_criu_give_up(&r, wb_oom(err), err);
	}
	f->run = r;
	f->run.unit = f->unit;
	wb_criu_run_init(&r);
	*ret_stats = stats;
	*ret = f;
	return 0;
}

int wb_criu_predump(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, struct wb_error *err)
{
	struct wb_criu_feeding f = {.sink = dump->sink, .prefix = WB_MERGE_BEFORE};
	struct wb_criu_dump quiet = *dump;
	WB_CLEAN_STRV argv = {}, env = {};
	char images[64];
	int status, known = -1, e;
	WB_CLEAN_CRIU_RUN r;

	/* A pre-dump writes to files, because CRIU cannot stream it. */
	quiet.incremental = true;
	e = begin_dump(&r, sys, &quiet, false, err);
	r.log = "predump.log";
	if (e == 0)
		e = wb_criu_make_memory(&r, err);
	if (e == 0)
		e = wb_criu_open_below(r.memory, "last", &r.images, err);
	if (e < 0)
		return e;
	unlinkat(r.dir_fd, r.log, 0);
	snprintf(images, sizeof(images), "/proc/self/fd/%d", r.images);
	if (wb_criu_predump_argv(dump, r.inside, images, &argv) < 0 ||
		wb_strv_add(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin") < 0)
		return wb_oom(err);
	e = wb_criu_add_preload(&r, dump->image, &env, err);
	if (e == 0)
		e = wb_criu_start(&r, argv.items, env.items, NULL, 0, err);
	if (e == 0)
		e = wb_criu_reap(&r, BLIND_SECONDS, &status, err);
	if (e == 0 && status)
		e = wb_criu_tell_exit(&r, status, "dumped the memory of", err);
	if (e == 0)
		e = wb_criu_for_files(r.images, wb_criu_feed_file, &f, err);
	if (e == 0)
		e = wb_criu_open_below(r.dir_fd, "before", &known, err);
	if (e == 0)
		e = wb_criu_for_files(r.images, wb_criu_copy_known, &known, err);
	wb_criu_close(&known);
	if (e == 0)
		*ret_stats = f.stats;
	return e;
}

static int finish(struct wb_criu_frozen *f, bool commit, struct wb_error *err)
{
	int status = 0, e = 0;

	if (!f)
		return 0;
	if (commit)
		e = wb_criu_hook_go_on(&f->run, err);
	wb_criu_close(&f->run.go);
	if (e == 0)
		e = wb_criu_reap(&f->run, WB_CRIU_CURE_SECONDS, &status, err);
	else
		wb_criu_give_up(&f->run, e, err);
	/* After a cancel, CRIU ends with the failure that the script told it. */
	if (e == 0 && commit && status)
		e = wb_criu_tell_exit(&f->run, status, "ended", err);
	if (e == 0 && !commit && !WIFEXITED(status))
		e = wb_criu_tell_exit(&f->run, status, "resumed", err);
	wb_criu_run_deinit(&f->run);
	free(f->unit);
	free(f);
	return e;
}

int wb_criu_commit(struct wb_criu_frozen *frozen, struct wb_error *err)
{
	return finish(frozen, true, err);
}

int wb_criu_cancel(struct wb_criu_frozen *frozen, struct wb_error *err)
{
	return finish(frozen, false, err);
}
