// SPDX-License-Identifier: LGPL-2.1-or-later
/* The names of files that are watched by inotify(7): /proc has only file handles, which the file system resolves. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/watches.h"

/* Open the file by its handle, on the mount of `mount_fd`. A descriptor, or negative. */
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

/* Open a path as the process sees it; symbolic links cannot lead out of `root`. A descriptor, or negative. */
static int open_seen(int root, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Set the watch's path from the kernel's name for the file, if that name leads to the file again. */
static int name_it(int root, int fd, struct wb_proc_watch *w)
{
	char link[64], path[PATH_MAX];
	struct stat a, b;
	int seen, r;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || *path != '/')
		return 0;
	path[n] = '\0';
	seen = open_seen(root, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	r = seen < 0 || fstat(fd, &a) < 0 || fstat(seen, &b) < 0 || a.st_dev != b.st_dev ||
	    a.st_ino != b.st_ino;
	if (seen >= 0)
		close(seen);
	if (r)
		return 0;
	w->path = strdup(path);
	w->directory = S_ISDIR(a.st_mode);
	return w->path ? 0 : -ENOMEM;
}

/*
 * open_by_handle_at(2) needs a mount that is open for reading. Only a tmpfs is opened, since other file systems
 * can block.
 */
static int open_mount(int root, const struct wb_mount *m)
{
	int fd = open_seen(root, m->point, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS),
	    mount_fd = -1;
	struct statfs fs;
	struct stat st;

	/* Another file system may be mounted over it. */
	if (fd >= 0 && fstat(fd, &st) == 0 && (int64_t)st.st_dev == m->device &&
		fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
		mount_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return mount_fd;
}

static int look_on(int root, const struct wb_mount *m, struct wb_proc_watch *w)
{
	int mount_fd = open_mount(root, m), fd = -1, r = 0;

	if (mount_fd >= 0)
		fd = open_handle(mount_fd, w);
	if (fd >= 0)
		r = name_it(root, fd, w);
	if (fd >= 0)
		close(fd);
	if (mount_fd >= 0)
		close(mount_fd);
	return r;
}

static int find_of(struct wb_proc *p, int root)
{
	int r = 0;

	for (size_t k = 0; k < p->watches.n; k++) {
		struct wb_proc_watch *w = &p->watches.items[k];

		for (size_t n = 0; r == 0 && w->handle_size && !w->path && n < p->mounts.n; n++)
			if (p->mounts.items[n].device == w->device &&
				wb_volatile_fs(p->mounts.items[n].fstype))
				r = look_on(root, &p->mounts.items[n], w);
	}
	return r;
}

int wb_watches_find(
	struct wb_procs *procs, const struct wb_ns_ops *namespaces, const struct wb_ns_whose *unit)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < procs->n; i++) {
		struct wb_ns_whose whose = *unit;
		int root;

		whose.pid = procs->items[i].pid;
		if (!procs->items[i].watches.n ||
			wb_ns_open_root(namespaces, &whose, &root, NULL) < 0)
			continue;
		r = find_of(&procs->items[i], root);
		namespaces->close(namespaces->ctx, root);
	}
	return r;
}
