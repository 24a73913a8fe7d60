// SPDX-License-Identifier: LGPL-2.1-or-later
/* FIFOs between libvirt and warmboot, in a directory of root's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvirt/run.h"
#include "sys/below.h"
#include "sys/sys.h"

int wb_fifo_renew(const char *path, struct wb_error *err)
{
	WB_CLEAN_STR new = wb_strf("%s.new", path);

	if (!new)
		return wb_oom(err);
	unlink(new);
	if (mkfifo(new, 0600) < 0 || rename(new, path) < 0)
		return wb_fail(err, -errno, "cannot make %s: %s", path, strerror(errno));
	return 0;
}

void wb_fifo_size(int fd, int bytes)
{
	(void)fcntl(fd, F_SETPIPE_SZ, bytes);
}

int wb_domain_make_fifo(const char *path, struct wb_error *err)
{
	WB_CLEAN_STR dir = strdup(path);
	int r = dir ? wb_make_parents(path) : -ENOMEM;

	if (r == -ENOMEM)
		return wb_oom(err);
	if (r == 0) {
		*strrchr(dir, '/') = '\0';
		r = chmod(dir, 0700) < 0 ? -errno : 0;
	}
	return r < 0 ? wb_fail(err, r, "cannot make %s: %s", path, strerror(-r))
		     : wb_fifo_renew(path, err);
}

void wb_domain_remove_fifo(const char *path)
{
	/* A program that waits in open(2) for the other end goes on, and finds nothing. */
	int fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	unlink(path);
	if (fd >= 0)
		close(fd);
}
