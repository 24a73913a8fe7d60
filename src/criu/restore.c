// SPDX-License-Identifier: LGPL-2.1-or-later
/* CRIU's restore: the files of the unit, the run, and the check before its tasks run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/areas.h"
#include "criu/hook.h"
#include "criu/ipc.h"
#include "images/merge.h"
#include "criu/run.h"
#include "sys/namespaces.h"

/*
 * A source in front of the caller's. It puts the tasks into the machine's user namespace, and nothing but the unit's own
 * into its IPC namespace.
 */
struct adopting {
	const struct wb_stream_source *source;
	const struct wb_criu_image *image;
	struct wb_blob inventory;
};

struct adopted {
	void *image; /* the caller's image; NULL: `blob` instead */
	struct wb_blob blob;
	bool given;
};

static int adopt(struct adopting *a, const char *name, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB ids = {};
	int e = 0;

	if (!a->inventory.size)
		e = wb_stream_read(a->source, "inventory.img", &a->inventory, err);
	if (e == 0)
		e = wb_stream_read(a->source, name, &ids, err);
	if (e < 0)
		return e;
	e = wb_criu_adopt_users(wb_blob_view(&ids), wb_blob_view(&a->inventory), ret);
	if (e < 0)
		return wb_fail(err, e, "%s is not as criu writes it", name);
	return 0;
}

static int drop_others(
	struct adopting *a, const char *name, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB all = {};
	int e = wb_stream_read(a->source, name, &all, err);

	if (e < 0)
		return e;
	e = wb_ipc_filter(
		name, wb_blob_view(&all), a->image->segments.items, a->image->segments.n, ret);
	return e < 0 ? wb_fail(err, e, "%s is not as criu writes it", name) : 0;
}

static int mark_areas(
	struct adopting *a, const char *name, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB all = {};
	int e = wb_stream_read(a->source, name, &all, err);

	if (e < 0)
		return e;
	e = wb_areas_change(name, wb_blob_view(&all), a->image, wb_areas_droppable(), ret);
	return e < 0 ? wb_fail(err, e, "%s is not as criu writes it", name) : 0;
}

static bool changes(const char *name, const char *prefix, bool does)
{
	return does && !strncmp(name, prefix, strlen(prefix));
}

static int adopting_open(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct adopting *a = ctx;
	struct adopted *image = calloc(1, sizeof(*image));
	int e;

	if (!image)
		return wb_oom(err);
	if (changes(name, "ids-", a->image->own_users))
		e = adopt(a, name, &image->blob, err);
	else if (changes(name, "ipcns-", a->image->own_ipc) && strncmp(name, "ipcns-var-", 10))
		e = drop_others(a, name, &image->blob, err);
	else if (wb_areas_changes(name, a->image))
		e = mark_areas(a, name, &image->blob, err);
	else
		e = a->source->open(a->source->ctx, name, &image->image, err);
	if (e < 0) {
		free(image);
		return e;
	}
	*ret = image;
	return 0;
}

static bool adopting_next(void *ctx, void *from, struct wb_bytes *ret)
{
	struct adopting *a = ctx;
	struct adopted *image = from;

	if (image->image)
		return a->source->next(a->source->ctx, image->image, ret);
	if (image->given)
		return false;
	image->given = true;
	*ret = wb_blob_view(&image->blob);
	return true;
}

static void adopting_close(void *ctx, void *from)
{
	struct adopting *a = ctx;
	struct adopted *image = from;

	if (image->image)
		a->source->close(a->source->ctx, image->image);
	wb_blob_deinit(&image->blob);
	free(image);
}

/*
 * Open a file again, from the mount namespace of process 1, where systemd opened it first. A
 * command of a unit often has its own mounts, which are gone when it has ended, and then the path
 * leads nowhere. First look at the file without opening it for use: it must be the same file as
 * before.
 */
static int open_again(
	const struct wb_ns_ops *machine, const struct wb_criu_external *e, struct wb_error *err)
{
	/* Open an existing file only: do not create or truncate it. */
	int flags = (int)e->flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY | O_NOFOLLOW);
	struct wb_identity now;
	char path[64];
	int at = machine->open_machine(machine->ctx, e->path), fd, r;

	if (at < 0)
		return wb_fail(err, at, "cannot open %s again: %s", e->path, strerror(-at));
	r = wb_identity_of(at, &now, NULL);
	if (r < 0 || !wb_identity_same(&now, &e->identity)) {
		close(at);
		return wb_fail(err, -EPERM, "%s is not the file that was open any more", e->path);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	r = fd < 0 ? wb_fail(err, -errno, "cannot open %s again: %s", e->path, strerror(errno))
		   : fd;
	close(at);
	return r;
}

#define NOBODY 65534

/*
 * Both ends keep the identity of who makes them, and a service may ask for its peer's (SO_PEERCRED): it must not find
 * root. The calls are the kernel's own, for this thread alone; libc's would change every thread.
 */
static int pair_of_nobody(int type, int ret[2])
{
	bool root = geteuid() == 0;
	int r = 0;

	if (root && (syscall(SYS_setresgid, -1, NOBODY, -1) < 0 ||
			    syscall(SYS_setresuid, -1, NOBODY, -1) < 0))
		r = -errno;
	if (r == 0 && socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret) < 0)
		r = -errno;
	if (root &&
		(syscall(SYS_setresuid, -1, 0, -1) < 0 || syscall(SYS_setresgid, -1, 0, -1) < 0))
		abort();
	return r;
}

/* A connection whose other end is closed: reading gives its end, and writing EPIPE. */
static int open_closed(const struct wb_criu_external *e, struct wb_error *err)
{
	int ends[2], r = pair_of_nobody(e->packets ? SOCK_SEQPACKET : SOCK_STREAM, ends);

	if (r < 0)
		return wb_fail(err, r, "cannot make a socket: %s", strerror(-r));
	close(ends[1]);
	return ends[0];
}

static int open_external(const struct wb_ns_ops *machine, const struct wb_criu_external *e,
	int *ret, struct wb_error *err)
{
	int fd;

	if (e->reset) {
		fd = open_closed(e, err);
		if (fd >= 0)
			*ret = fd;
		return fd < 0 ? fd : 0;
	}
	if (!e->path) {
		*ret = (int)e->fd;
		return 0;
	}
	fd = open_again(machine, e, err);
	if (fd < 0)
		return fd;
	if (e->position)
		(void)lseek(fd, (off_t)e->position, SEEK_SET);
	*ret = fd;
	return 0;
}

static void close_externals(const struct wb_criu_image *image, int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (image->externals.items[i].path || image->externals.items[i].reset)
			close(fds[i]);
	free(fds);
}

static int begin_restore(struct wb_criu_run *r, const struct wb_sys *sys,
	const struct wb_criu_restore *restore, struct wb_error *err)
{
	int e;

	wb_criu_run_init(r);
	r->sys = sys;
	r->unit = restore->unit;
	r->log = "restore.log";
	r->timeout = restore->timeout_seconds ? restore->timeout_seconds : WB_CRIU_DEFAULT_TIMEOUT;
	if (restore->n_namespaces > WB_CRIU_NAMESPACES)
		return wb_fail(err, -E2BIG, "there are not so many namespaces");
	e = wb_criu_open_program(r, restore->program, err);
	if (e == 0)
		e = wb_criu_open_dir(r, restore->dir, err);
	if (e == 0)
		e = wb_criu_listen(r, WB_STREAM_SERVE_SOCKET, err);
	if (e == 0 && restore->check)
		e = wb_criu_make_hook(r, err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < restore->n_namespaces; i++) {
		int fd = fcntl(restore->namespaces[i], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return wb_criu_failed(err, "keep a namespace open");
		r->namespaces[r->n_namespaces++] = fd;
	}
	unlinkat(r->dir_fd, "pid", 0);
	unlinkat(r->dir_fd, r->log, 0);
	return 0;
}

/*
 * CRIU writes the pid into its work directory. Copy it in one step to the place where it is read.
 */
static int write_pidfile(
	const struct wb_criu_run *r, const char *path, int64_t pid, struct wb_error *err)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lld\n", (long long)pid), e;

	e = r->sys->write_file(
		r->sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, (size_t)n}, 0644);
	if (e < 0)
		return wb_fail(err, e, "cannot write %s: %s", path, strerror(-e));
	return 0;
}

static int start_restore(struct wb_criu_run *r, const struct wb_criu_restore *restore,
	const int *fds, struct wb_error *err)
{
	WB_CLEAN_STR hook = NULL;
	WB_CLEAN_STRV argv = {}, env = {};
	int e = wb_strv_add(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");

	if (e == 0 && restore->check)
		e = wb_criu_fd_path(r->hook, &hook);
	if (e == 0 && restore->check)
		e = wb_criu_hook_env(r, &env);
	if (e == 0)
		e = wb_strv_addf(&env, WB_HOOK_NETLINK "=%" PRIx64, restore->netlink_rights);
	/* CRIU would remove the rules of its dump, which the kernel before has taken with it. */
	if (e == 0)
		e = wb_strv_add(&env, WB_HOOK_HELD "=1");
	if (e < 0 || wb_criu_restore_argv(restore, r->inside, hook, fds, &argv) < 0)
		return wb_oom(err);
	if (wb_criu_add_names(restore->image, &env) < 0 ||
		wb_criu_add_handed(restore->handed, restore->n_handed, &env) < 0)
		return wb_oom(err);
	e = wb_criu_add_preload(r, restore->image, &env, err);
	if (e < 0)
		return e;
	return wb_criu_start(r, argv.items, env.items, fds, restore->image->externals.n, err);
}

static int serve(struct wb_criu_run *r, const struct wb_criu_restore *restore,
	struct wb_stream_stats *ret, struct wb_error *err)
{
	struct adopting a = {.source = restore->source, .image = restore->image};
	const struct wb_stream_source adopting = {&a, adopting_open, adopting_next, adopting_close};
	struct wb_stream_source merged;
	struct wb_merge *merge = NULL;
	int e = wb_criu_accept(r, err);

	if (e == 0 && restore->image->incremental) {
		e = wb_merge_new(restore->source, &merge);
		if (e < 0)
			return wb_criu_give_up(r, wb_fail(err, e, "out of memory"), err);
		merged = wb_merge_source(merge);
		a.source = &merged;
	}
	if (e == 0 && r->sock >= 0)
		e = wb_stream_serve(r->sock, r->ready, r->timeout * 1000, &adopting, ret, err);
	wb_blob_deinit(&a.inventory);
	wb_merge_free(merge);
	return e < 0 ? wb_criu_give_up(r, e, err) : 0;
}

/*
 * Check the tasks, which are restored and have not run. -EREMOTEIO: CRIU ended without running the
 * hook, for a reason that its log tells if its status is a failure.
 */
static int check(struct wb_criu_run *r, const struct wb_criu_restore *restore, struct wb_error *err)
{
	struct wb_error why = {};
	int status, e;

	if (!wb_criu_hook_ready(r, r->timeout)) {
		e = wb_criu_reap(r, WB_CRIU_CURE_SECONDS, &status, err);
		if (e < 0)
			return e;
		/* CRIU has removed the tasks that it made if it failed. */
		if (status)
			return wb_criu_tell_exit(r, status, "restored", err);
		restore->kill(restore->ctx);
		return wb_fail(
			err, -EREMOTEIO, "criu let %s run before it could be looked at", r->unit);
	}
	e = restore->check(restore->ctx, &why);
	if (e == 0)
		return wb_criu_hook_go_on(r, err);
	restore->kill(restore->ctx);
	wb_fail(err, e, "%s", why.text);
	return wb_criu_give_up(r, e, err);
}

int wb_criu_restore(const struct wb_sys *sys, const struct wb_criu_restore *restore,
	struct wb_stream_stats *ret_stats, struct wb_error *err)
{
	const struct wb_criu_image *image = restore->image;
	const struct wb_ns_ops *machine = restore->machine ? restore->machine : &wb_ns_ops_host;
	int *fds = calloc(image->externals.n + 1, sizeof(*fds));
	struct wb_stream_stats stats = {};
	int status = 0, e;
	size_t n = 0;
	WB_CLEAN_CRIU_RUN r;

	wb_criu_run_init(&r);
	if (!fds)
		return wb_oom(err);
	e = begin_restore(&r, sys, restore, err);
	for (; e == 0 && n < image->externals.n; n += e == 0)
		e = open_external(machine, &image->externals.items[n], &fds[n], err);
	if (e == 0)
		e = start_restore(&r, restore, fds, err);
	if (e == 0)
		e = serve(&r, restore, &stats, err);
	if (e == 0 && restore->check)
		e = check(&r, restore, err);
	if (e == 0)
		e = wb_criu_reap(&r, WB_CRIU_CURE_SECONDS, &status, err);
	if (e == 0 && status)
		e = wb_criu_tell_exit(&r, status, "restored", err);
	if (e == 0 && restore->pidfile)
		e = write_pidfile(&r, restore->pidfile, image->main_pid, err);
	close_externals(image, fds, n);
	if (e == 0)
		*ret_stats = stats;
	return e;
}
