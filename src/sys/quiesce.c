// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The real implementation of struct wb_quiesce: network interfaces, file systems and programs at
 * rest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/quiesce.h"
#include "sys/spawn.h"

extern char **environ;

static void host_sync(void *ctx)
{
	sync();
}

static int interface_down(int fd, const char *name)
{
	struct ifreq req = {};

	strncpy(req.ifr_name, name, sizeof(req.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &req) < 0)
		return -errno;
	if (req.ifr_flags & IFF_LOOPBACK || !(req.ifr_flags & IFF_UP))
		return 0;
	req.ifr_flags &= ~IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &req) < 0 ? -errno : 0;
}

static int host_net_down(void *ctx)
{
	struct if_nameindex *all = if_nameindex();
	int fd, r = 0;

	if (!all)
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		r = -errno;
	for (size_t i = 0; fd >= 0 && all[i].if_name; i++) {
		int one = interface_down(fd, all[i].if_name);

		if (one < 0)
			r = one;
	}
	if (fd >= 0)
		close(fd);
	if_freenameindex(all);
	return r;
}

static int on_mount(const char *path, unsigned long request)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return -errno;
	r = ioctl(fd, request, 0) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int host_freeze(void *ctx, const char *path)
{
	return on_mount(path, FIFREEZE);
}

static int host_thaw(void *ctx, const char *path)
{
	return on_mount(path, FITHAW);
}

static int host_remount(void *ctx, const char *path, bool read_only)
{
	/* A remount removes flags that it does not name; the values are those of MS_*. */
	const unsigned long kept = ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_SYNCHRONOUS;
	/* Without MS_BIND the file system itself changes, not only this mount of it. */
	unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);
	struct statvfs now;

	if (statvfs(path, &now) < 0)
		return -errno;
	flags |= now.f_flag & kept;
	return mount(NULL, path, NULL, flags, NULL) < 0 ? -errno : 0;
}

static int host_run(void *ctx, const char *const *argv)
{
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
	if (r)
		return -r;
	r = wb_reap(pid, WB_SPAWN_LONGEST_MS, &status);
	if (r == -ETIME)
		wb_kill_and_reap(pid, NULL);
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static int host_detach(void *ctx)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid > 0)
		_exit(0);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	return setsid() < 0 ? -errno : 0;
}

const struct wb_quiesce wb_quiesce_host = {
	.sync = host_sync,
	.net_down = host_net_down,
	.freeze = host_freeze,
	.thaw = host_thaw,
	.remount = host_remount,
	.run = host_run,
	.detach = host_detach,
};
