// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A part of the library that is loaded before CRIU's own. In a sandbox with ProcSubset=pid, /proc shows processes only,
 * and CRIU reads /proc/sys, /proc/locks and others. The parent has then made a whole procfs that is mounted nowhere
 * (preload.c) and passed its descriptor. The library opens there whatever CRIU names below /proc.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "criu/hook.h"

#define PROC_ROOT 1 /* include/linux/proc_fs.h, PROC_ROOT_INO */

/*
 * The descriptor, or -1. CRIU closes it in the tasks that it makes, and the number may then be that of a file of the
 * unit. So it counts only as long as it is on the device that it was on at the first look, before any task.
 */
static int whole_proc(void)
{
	static int fd = -2;
	static dev_t device;
	struct statfs fs;
	struct stat st;
	int e = errno;

	if (fd == -2) {
		const char *s = getenv(WB_HOOK_PROC);

		fd = s ? atoi(s) : -1;
		if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_ino != PROC_ROOT ||
				       fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC))
			fd = -1;
		device = fd >= 0 ? st.st_dev : 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != device) {
		errno = e;
		return -1;
	}
	return fd;
}

/* "/proc/sys/x" becomes "sys/x" below the descriptor. Other paths stay as they are. */
static const char *below(const char *path, int *ret_dir)
{
	int fd = strncmp(path, "/proc", 5) || (path[5] && path[5] != '/') ? -1 : whole_proc();

	*ret_dir = AT_FDCWD;
	if (fd < 0)
		return path;
	*ret_dir = fd;
	for (path += 5; *path == '/'; path++)
		;
	return *path ? path : ".";
}

static int open_below(const char *path, int flags, mode_t mode)
{
	int dir;
	const char *name = below(path, &dir);

	return (int)syscall(SYS_openat, dir, name, flags, mode);
}

/* With fixed arguments: the mode is garbage where none was passed, and then it is not used. */
int open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_below(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/* With _FORTIFY_SOURCE, glibc's headers turn an open() without a mode into this. */
int __open_2(const char *path, int flags)
{
	return open_below(path, flags, 0);
}

int __open64_2(const char *path, int flags) __attribute__((alias("__open_2")));

int access(const char *path, int mode)
{
	int dir;
	const char *name = below(path, &dir);

	return (int)syscall(SYS_faccessat, dir, name, mode);
}

/* CRIU opens one such file for reading, /proc/uptime. */
FILE *fopen(const char *path, const char *mode)
{
	int flags = O_RDONLY, fd;

	if (*mode == 'w' || *mode == 'a')
		flags = O_WRONLY | O_CREAT | (*mode == 'w' ? O_TRUNC : O_APPEND);
	if (strchr(mode, '+'))
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	if (strchr(mode, 'e'))
		flags |= O_CLOEXEC;
	fd = open_below(path, flags, 0666);
	return fd < 0 ? NULL : fdopen(fd, mode);
}

FILE *fopen64(const char *path, const char *mode) __attribute__((alias("fopen")));
