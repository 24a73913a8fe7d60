// SPDX-License-Identifier: LGPL-2.1-or-later
/* CRIU's dump: for good, as a rehearsal, and of the memory ahead. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keep/criu-run.h"
#include "keep/hook.h"
#include "keep/merge.h"

/* CRIU may dump so long without our seeing it move, when nothing is streamed. */
#define BLIND_SECONDS 600

struct wb_criu_frozen {
	struct wb_criu_run run;
	char *unit;
};

/* The target's namespaces that are not ours; the mount namespace last, since /proc goes with it. */
static int open_namespaces(struct wb_criu_run *r, int64_t pid, struct wb_error *err)
{
	static const char *const names[] = {"uts", "ipc", "net", "cgroup", "mnt"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64], own[64];
		struct stat theirs, ours;
		int fd;

		snprintf(path, sizeof(path), "/proc/%lld/ns/%s", (long long)pid, names[i]);
		snprintf(own, sizeof(own), "/proc/self/ns/%s", names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && (errno == ENOENT || errno == ESRCH))
			return wb_fail(err, -ESRCH, "%s has no process %lld any more", r->unit,
				(long long)pid);
		if (fd < 0 || fstat(fd, &theirs) < 0 || stat(own, &ours) < 0)
			return wb_fail(err, -errno, "cannot look at %s: %s", path, strerror(errno));
		if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
			close(fd);
		else
			r->namespaces[r->n_namespaces++] = fd;
	}
	return 0;
}

/* Two pipes between us and the action script, which lies in a file without a name. */
static int make_hook(struct wb_criu_run *r, struct wb_error *err)
{
	int ready[2], go[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return wb_criu_failed(err, "make a pipe");
	r->ready = ready[0];
	r->hook_ready = ready[1];
	if (pipe2(go, O_CLOEXEC) < 0)
		return wb_criu_failed(err, "make a pipe");
	r->hook_go = go[0];
	r->go = go[1];
	r->hook = r->sys->memfd(
		r->sys->ctx, "warmboot-hook", (struct wb_bytes){wb_keep_hook, wb_keep_hook_size});
	if (r->hook < 0)
		return wb_fail(
			err, r->hook, "cannot make a file in memory: %s", strerror(-r->hook));
	return 0;
}

static int hook_path(const struct wb_criu_run *r, int fd, char **ret)
{
	if (asprintf(ret, "/proc/%d/fd/%d", (int)getpid(), fd) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
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
		e = open_namespaces(r, dump->image->main_pid, err);
	if (e == 0 && !dump->incremental)
		e = wb_criu_listen(r, WB_STREAM_CAPTURE_SOCKET, err);
	if (e == 0 && hold)
		e = make_hook(r, err);
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

/* CRIU 4.2 asks no socket for what it has not. */
static bool needs_shim(const char *version)
{
	unsigned major, minor;

	return version && sscanf(version, "%u.%u", &major, &minor) == 2 &&
	       (major < 4 || (major == 4 && minor < 2));
}

static int add_shim(struct wb_criu_run *r, struct wb_strv *env)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_STR s = NULL;
	int e;

	r->shim = r->sys->memfd(
		r->sys->ctx, "warmboot-shim", (struct wb_bytes){wb_keep_shim, wb_keep_shim_size});
	/* Without it a CRIU that is new enough does as well. */
	if (r->shim < 0)
		return 0;
	e = hook_path(r, r->shim, &path);
	if (e == 0 && asprintf(&s, "LD_PRELOAD=%s", path) < 0) {
		s = NULL;
		e = -ENOMEM;
	}
	return e < 0 ? e : wb_strv_add(env, s);
}

static int start_dump(
	struct wb_criu_run *r, const struct wb_criu_dump *dump, bool hold, struct wb_error *err)
{
	WB_CLEAN_STR hook = NULL;
	WB_CLEAN_STR ready = NULL;
	WB_CLEAN_STR go = NULL;
	WB_CLEAN_STRV argv = {}, env = {};
	int e = 0;

	if (hold) {
		e = hook_path(r, r->hook, &hook);
		if (e == 0)
			e = hook_path(r, r->hook_ready, &ready);
		if (e == 0)
			e = hook_path(r, r->hook_go, &go);
	}
	if (e == 0 && dump->incremental)
		e = incremental_argv(r, dump, hook, &argv);
	else if (e == 0)
		e = wb_criu_dump_argv(dump, r->inside, hook, &argv);
	if (e == 0)
		e = wb_strv_add(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	if (e == 0 && needs_shim(dump->image->version))
		e = add_shim(r, &env);
	for (int i = 0; e == 0 && hold && i < 2; i++) {
		WB_CLEAN_STR s = NULL;

		e = asprintf(&s, "%s=%s", i ? WB_HOOK_GO : WB_HOOK_READY, i ? go : ready);
		e = e < 0 ? -ENOMEM : wb_strv_add(&env, s);
	}
	if (e < 0)
		return wb_fail(err, e, "out of memory");
	return wb_criu_start(r, argv.items, env.items, NULL, 0, err);
}

/* Up to where CRIU waits for the word, or to its end when it has none to wait for. */
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

/* Has the action script said that all is dumped? */
static bool is_ready(const struct wb_criu_run *r)
{
	char c;

	return poll(&(struct pollfd){.fd = r->ready, .events = POLLIN}, 1, 0) == 1 &&
	       read(r->ready, &c, 1) == 1;
}

/* The directory of the dump before, as CRIU expects it beside that of this one. */
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
	 * It is good for one dump: that makes the kernel forget what had changed before it, and so
	 * another one would miss what changed between the two.
	 */
	if (e == 0)
		e = wb_criu_open_below(r->dir_fd, "before", &known, err);
	wb_criu_close(&known);
	if (e == 0 && unlinkat(r->dir_fd, "before", AT_REMOVEDIR) < 0)
		e = wb_criu_failed(err, "forget what was dumped");
	return e;
}

/* Until the action script says that all is dumped, or CRIU ends; then its files. */
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
	if (!is_ready(&r)) {
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
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	struct wb_criu_feeding f = {.sink = dump->sink, .prefix = WB_MERGE_BEFORE};
	struct wb_criu_dump quiet = *dump;
	WB_CLEAN_STRV argv = {};
	char images[64];
	int status, known = -1, e;
	WB_CLEAN_CRIU_RUN r;

	/* Nothing is streamed: pre-dump does not know how. */
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
	if (wb_criu_predump_argv(dump, r.inside, images, &argv) < 0)
		return wb_oom(err);
	e = wb_criu_start(&r, argv.items, env, NULL, 0, err);
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
	static const char yes = WB_HOOK_YES;
	int status = 0, e = 0;

	if (!f)
		return 0;
	if (commit && write(f->run.go, &yes, 1) != 1)
		e = wb_criu_failed(err, "tell criu to go on");
	wb_criu_close(&f->run.go);
	if (e == 0)
		e = wb_criu_reap(&f->run, WB_CRIU_CURE_SECONDS, &status, err);
	else
		wb_criu_give_up(&f->run, e, err);
	/* Cancelled, CRIU ends with the script's answer: a failure that was wanted. */
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
