// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opening files below a directory without following links. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/valid.h"
#include "sys/below.h"

void wb_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int open_how(int dir, const char *path, int flags, unsigned mode, uint64_t resolve)
{
	const struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = mode,
		.resolve = resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	int fd;

	/* openat2(2) answers -EAGAIN if something was renamed meanwhile. */
	do {
		fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd < 0 ? -errno : fd;
}

int wb_open_below(int root, const char *path, int flags)
{
	return wb_valid_path(path) ? open_how(root, path, flags, 0, RESOLVE_IN_ROOT) : -EINVAL;
}

static bool is_entry(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

/*
 * A single component that is no link cannot lead elsewhere. RESOLVE_BENEATH would add nothing, and
 * answers -EXDEV when the entry is renamed at that moment (complete_walk() in fs/namei.c).
 */
int wb_open_entry(int dir, const char *name, int flags)
{
	return is_entry(name) ? open_how(dir, name, flags, 0, 0) : -EINVAL;
}

int wb_make_entry(int dir, const char *name)
{
	if (!is_entry(name))
		return -EINVAL;
	return open_how(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600, 0);
}

int wb_open_again(int fd, int flags)
{
	char path[64];
	int new;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	new = open(path, flags | O_CLOEXEC);
	return new < 0 ? -errno : new;
}

bool wb_is_volatile(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       ((unsigned long)fs.f_type == TMPFS_MAGIC || (unsigned long)fs.f_type == RAMFS_MAGIC);
}
