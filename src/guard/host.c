// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real machine answers the questions of the checks. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "guard/check.h"
#include "sys/sys.h"
#include "systemd/health.h"
#include "systemd/shutdown.h"
#include "systemd/systemctl.h"

static int changed_ns(void *ctx, const char *path, int64_t *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	*ret = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
	return 0;
}

static int room(void *ctx, const char *path, uint64_t *ret)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0)
		return -errno;
	*ret = (uint64_t)st.f_bfree * st.f_frsize;
	return 0;
}

/* F_GETLK tells who has the lock that this process would want, and takes none. */
static int locked_by(void *ctx, const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = fcntl(fd, F_GETLK, &lock) < 0 ? -errno : 0;
	close(fd);
	return r < 0 ? r : lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

static int inhibitors(void *ctx, struct wb_strv *ret, struct wb_error *err)
{
	return wb_systemd_inhibitors(ret, err);
}

static uint64_t boot_ns(void *ctx)
{
	return wb_sys_host.boot_ns(NULL);
}

static int active(void *ctx, const char *unit, struct wb_error *err)
{
	struct wb_unit_moment now;
	int r = wb_unit_moment_read(&wb_runner_host, unit, 0, &now);

	if (r < 0)
		return wb_fail(err, r, "systemd does not tell whether %s runs", unit);
	return now.job || !strcmp(now.active, "active") || !strcmp(now.active, "activating");
}

static int slow_stops(void *ctx, struct wb_strv *ret, struct wb_error *err)
{
	return wb_systemd_here(&wb_files_host)
		       ? wb_systemd_slow_stops(&wb_runner_host, 300, ret, err)
		       : 0;
}

const struct wb_check_ops wb_check_ops_host = {
	.changed_ns = changed_ns,
	.room = room,
	.locked_by = locked_by,
	.inhibitors = inhibitors,
	.boot_ns = boot_ns,
	.active = active,
	.slow_stops = slow_stops,
};
