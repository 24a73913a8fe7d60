// SPDX-License-Identifier: LGPL-2.1-or-later
/* What an inotify(7) watches has no name in /proc; the file system finds it by its handle. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep/proc.h"

/* The file, on the mount that `mount_fd` lies on. A descriptor, or negative. */
static int open_handle(int mount_fd, const struct wb_proc_watch *w)
{
	struct {
		struct file_handle head;
		uint8_t bytes[sizeof(w->handle)];
	} h = {.head = {.handle_bytes = (unsigned)w->handle_size,
		       .handle_type = (int)w->handle_type}};

	memcpy(h.head.f_handle, w->handle, w->handle_size);
	return open_by_handle_at(mount_fd, &h.head, O_PATH | O_CLOEXEC);
}

/* By what the file is called in the mounts that it was found in; it must be found there again by that. */
static int name_it(int64_t pid, int fd, struct wb_proc_watch *w)
{
	char link[64], path[PATH_MAX], seen[PATH_MAX + 64];
	struct stat a, b;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || *path != '/')
		return 0;
	path[n] = '\0';
	snprintf(seen, sizeof(seen), "/proc/%lld/root%s", (long long)pid, path);
	if (fstat(fd, &a) < 0 || lstat(seen, &b) < 0 || a.st_dev != b.st_dev ||
		a.st_ino != b.st_ino)
		return 0;
	w->path = strdup(path);
	w->directory = S_ISDIR(a.st_mode);
	return w->path ? 0 : -ENOMEM;
}

static int look_on(const struct wb_proc *p, const struct wb_proc_mount *m, struct wb_proc_watch *w)
{
	char point[PATH_MAX + 64];
	int mount_fd, fd = -1, r = 0;
	struct stat st;

	snprintf(point, sizeof(point), "/proc/%lld/root%s", (long long)p->pid, m->point);
	mount_fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Another may be mounted over it. */
	if (mount_fd >= 0 && fstat(mount_fd, &st) == 0 && (int64_t)st.st_dev == m->device)
		fd = open_handle(mount_fd, w);
	if (fd >= 0)
		r = name_it(p->pid, fd, w);
	if (fd >= 0)
		close(fd);
	if (mount_fd >= 0)
		close(mount_fd);
	return r;
}

int wb_watches_find(struct wb_procs *procs)
{
	int r = 0;

	for (size_t i = 0; i < procs->n; i++) {
		struct wb_proc *p = &procs->items[i];

		for (size_t k = 0; k < p->watches.n; k++) {
			struct wb_proc_watch *w = &p->watches.items[k];

			for (size_t n = 0; r == 0 && w->handle_size && !w->path && n < p->mounts.n;
				n++)
				if (p->mounts.items[n].device == w->device &&
					wb_volatile_fs(p->mounts.items[n].fstype))
					r = look_on(p, &p->mounts.items[n], w);
		}
	}
	return r;
}
