// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real machine for this room. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "net/wake.h"
#include "restore/host.h"
#include "restore/revive.h"
#include "systemd/notify.h"

/* A process that probes ends after five minutes. */
#define TURN_MS 300000
#define PAUSE_MS 50

static void real_pause(void *ctx, unsigned ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

/* The lock is on the directory, because a file in it may come and go while another process waits. */
static int real_take_turn(void *ctx)
{
	int fd = open("/run/warmboot", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < TURN_MS / PAUSE_MS; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			break;
		real_pause(ctx, PAUSE_MS);
	}
	return fd;
}

static void real_wake(void *ctx, const struct wb_ends_list *ends)
{
	wb_wake_send(ends);
}

static int real_symlink(void *ctx, const char *target, const char *path)
{
	int r = wb_make_parents(path);

	if (r < 0)
		return r;
	if (symlink(target, path) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (unlink(path) < 0 || symlink(target, path) < 0)
		return -errno;
	return 0;
}

static int real_fds_push(void *ctx, const char *name, int fd, struct wb_error *err)
{
	return wb_fd_store_push(name, fd, err);
}

static void real_fds_wait(void *ctx)
{
	wb_fd_store_wait();
}

static int real_fds_list(void *ctx, struct wb_strv *ret)
{
	return wb_fd_store_list(ret);
}

static void real_fds_forget(void *ctx, const char *name)
{
	wb_fd_store_forget(name);
}

static int real_early(void *ctx, struct wb_early *ret, struct wb_error *err)
{
	return wb_early_read(&wb_sys_host, ret, err);
}

static int real_adopt(void *ctx, const struct wb_manifest_unit *u, struct wb_error *ret_warning,
	struct wb_error *err)
{
	return wb_early_adopt(&wb_sys_host, u, ret_warning, err);
}

static int real_thaw(
	void *ctx, const struct wb_thaw *t, struct wb_error *ret_warning, struct wb_error *err)
{
	return wb_thaw(t, ret_warning, err);
}

struct wb_restore_host wb_restore_host_real(void)
{
	return (struct wb_restore_host){
		.link_seconds = WB_LINK_SECONDS,
		.sys = wb_sys_real(),
		.runner = &wb_runner_host,
		.store = wb_store_env_real(),
		.ns = &wb_ns_ops_host,
		.pause = real_pause,
		.take_turn = real_take_turn,
		.probes = &wb_probe_io_host,
		.wake = real_wake,
		.symlink = real_symlink,
		.fds_push = real_fds_push,
		.fds_wait = real_fds_wait,
		.fds_list = real_fds_list,
		.fds_forget = real_fds_forget,
		.early = real_early,
		.adopt = real_adopt,
		.thaw = real_thaw,
	};
}
