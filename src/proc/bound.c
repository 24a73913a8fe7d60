// SPDX-License-Identifier: LGPL-2.1-or-later
/* The file of a bound Unix socket, which the kernel is asked for, and its name, which must lead to that file. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/bound.h"
#include "proc/proc.h"
#include "sys/below.h"

/* linux/un.h, which libc's sys/un.h does not go with: opens the file of a Unix socket with O_PATH. */
#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif

/* A directory with more entries is not searched for a socket. */
#define MOST_ENTRIES 4096

static const char gone[] = " (deleted)";

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is the file on a mount of this process's namespace? */
static bool has_mount_of(const struct wb_proc *p, int at)
{
	struct statx st;

	if (statx(at, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
		return false;
	for (size_t i = 0; i < p->mounts.n; i++)
		if (p->mounts.items[i].id == (int64_t)st.stx_mnt_id)
			return true;
	return false;
}

/* Open a path from the root directory of this process. */
static int open_from(const struct wb_proc *p, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	WB_CLEAN_FD root = -1;
	char top[64];

	snprintf(top, sizeof(top), "/proc/%lld/root", (long long)p->pid);
	root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Does `path` lead to the file `at`, from the root directory of this process? */
static bool leads_to(const struct wb_proc *p, const char *path, int at)
{
	WB_CLEAN_FD fd = open_from(p, path, O_PATH | O_NOFOLLOW);
	struct stat a, b;

	return fd >= 0 && fstat(fd, &a) == 0 && fstat(at, &b) == 0 && is_same(&a, &b);
}

static bool is_removed(const char *file)
{
	size_t n = strlen(file), g = strlen(gone);

	return n > g && !strcmp(file + n - g, gone);
}

/*
 * CRIU makes the socket again by its name, as root, and removes what has that name. The kernel shows the name of a file
 * on a mount that is gone as if it were in the root directory. So the name must lead to the file itself; one that was
 * removed must at least have been called so.
 */
static bool is_there(const struct wb_proc *p, const char *name, const char *file, int at)
{
	size_t n = strlen(name);

	if (!has_mount_of(p, at))
		return false;
	if (is_removed(file))
		return *name != '/' || (!strncmp(name, file, n) && !strcmp(file + n, gone));
	return leads_to(p, *name == '/' ? name : file, at);
}

/* ---- a socket that was renamed ---- */

/* The directory of an absolute path, opened from the root directory of this process. */
static int open_directory_of(const struct wb_proc *p, const char *path)
{
	char dir[PATH_MAX];
	size_t n = (size_t)(strrchr(path, '/') - path);

	if (n >= sizeof(dir))
		return -1;
	snprintf(dir, sizeof(dir), "/%.*s", (int)n, path);
	return open_from(p, dir, O_RDONLY | O_DIRECTORY);
}

/* The name of this file in a directory. NULL: it has none there, or memory ran out. */
static char *find_entry(int dir, const struct stat *want)
{
	int copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;
	char *found = NULL;

	if (!d) {
		wb_closep(&copy);
		return NULL;
	}
	for (size_t i = 0; !found && i < MOST_ENTRIES && (e = readdir(d)); i++) {
		struct stat st;

		/* d_ino is another one where a mount covers the entry, which then is not the file. */
		if (e->d_ino == want->st_ino &&
			fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			is_same(&st, want))
			found = strdup(e->d_name);
	}
	closedir(d);
	return found;
}

/*
 * A server that must never be without its socket binds a new one to a name of its own, and then renames or links it
 * to the one that clients know. CRIU makes the socket by the first name, and the second one has to be given again. That
 * is done in one directory alone, which only its owner can change, and only while nothing else has the first name.
 */
static int find_second_name(const struct wb_proc *p, int at, struct wb_socket *s)
{
	WB_CLEAN_FD dir = *s->path == '/' ? open_directory_of(p, s->path) : -1;
	const char *base = strrchr(s->path, '/');
	struct stat st, in, old;
	char *name;
	int r;

	if (dir < 0 || !has_mount_of(p, at) || fstat(at, &st) < 0 || fstat(dir, &in) < 0 ||
		(in.st_mode & S_ISVTX) || !S_ISSOCK(st.st_mode) || st.st_nlink != 1 || !base[1] ||
		fstatat(dir, base + 1, &old, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return 0;
	name = find_entry(dir, &st);
	if (!name)
		return 0;
	r = asprintf(&s->now, "%.*s/%s", (int)(base - s->path), s->path, name);
	free(name);
	if (r < 0) {
		s->now = NULL;
		return -ENOMEM;
	}
	s->owner = st.st_uid;
	s->elsewhere = false;
	return 0;
}

int wb_bound_find_file(const struct wb_proc *p, int fd, bool may_walk, struct wb_socket *s)
{
	WB_CLEAN_FD at = ioctl(fd, SIOCUNIXFILE);
	char link[64], path[PATH_MAX];
	struct stat st;
	ssize_t n;

	s->elsewhere = true;
	if (at < 0)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	n = readlink(link, path, sizeof(path));
	if (n > 0 && n < (ssize_t)sizeof(path) && *path == '/')
		s->file = strndup(path, (size_t)n);
	if (!s->file || !may_walk || !p)
		return 0;
	/* A file whose first name is gone may still have a link: that is its second name. */
	s->elsewhere = !is_there(p, s->path, s->file, at) ||
		       (is_removed(s->file) && (fstat(at, &st) < 0 || st.st_nlink));
	return s->elsewhere ? find_second_name(p, at, s) : 0;
}
