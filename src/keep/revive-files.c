// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files that do not outlive a reboot by themselves, put back for the processes that had them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keep/revive.h"

static void close_fdp(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLEAN_FD __attribute__((cleanup(close_fdp))) int

/* One component below a directory; never through a link that somebody may have put there. */
static int open_below(int dir, const char *name)
{
	const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/*
 * The directory that holds `path`, made where it is missing. *ret_name: the last component, in
 * `path`.
 */
static int open_parent(const char *path, const char **ret_name)
{
	int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	for (path += strspn(path, "/");;) {
		size_t n = strcspn(path, "/"), next = n + strspn(path + n, "/");
		char name[NAME_MAX + 1];
		int below;

		if (!path[next]) {
			*ret_name = path;
			return dir;
		}
		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		below = open_below(dir, name);
		if (below == -ENOENT && mkdirat(dir, name, 0755) == 0)
			below = open_below(dir, name);
		close(dir);
		if (below < 0)
			return below;
		dir = below;
		path += next;
	}
}

static int fill(int fd, const struct wb_store *store, const char *object, struct wb_error *err)
{
	struct wb_store_reader reader;
	struct wb_bytes piece;
	int r = wb_store_get(store, object, &reader, err);

	while (r == 0 && wb_store_next(&reader, &piece)) {
		while (piece.size) {
			ssize_t put = write(fd, piece.data, piece.size);

			if (put < 0 && errno == EINTR)
				continue;
			if (put < 0)
				return -errno;
			piece.data += put;
			piece.size -= (size_t)put;
		}
	}
	return r;
}

static struct timespec mtime(const struct wb_manifest_file *f)
{
	int64_t seconds = f->mtime_ns / 1000000000, rest = f->mtime_ns % 1000000000;

	/* Before 1970, too, nanoseconds count up. */
	return rest < 0 ? (struct timespec){seconds - 1, rest + 1000000000}
			: (struct timespec){seconds, rest};
}

/* Owner before mode: a change of owner takes the set-user-id bit away. */
static int dress(int fd, const struct wb_manifest_file *f)
{
	const struct timespec times[] = {mtime(f), mtime(f)};

	if (fchown(fd, (uid_t)f->uid, (gid_t)f->gid) < 0 || fchmod(fd, (mode_t)f->mode) < 0)
		return -errno;
	if (futimens(fd, times) < 0)
		return -errno;
	return 0;
}

static int put_directory(int dir, const char *name, const struct wb_manifest_file *f)
{
	CLEAN_FD fd = -1;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : dress(fd, f);
}

static int put_link(int dir, const char *name, const struct wb_manifest_file *f)
{
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	if (symlinkat(f->target, dir, name) < 0 ||
		fchownat(dir, name, (uid_t)f->uid, (gid_t)f->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

/* What is in it is the memory of whoever has it open. */
static int put_fifo(int dir, const char *name, const struct wb_manifest_file *f)
{
	CLEAN_FD fd = -1;
	struct stat st;

	if (mkfifoat(dir, name, 0600) < 0 && errno != EEXIST)
		return -errno;
	/* Without O_NONBLOCK it would wait for a writer. */
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISFIFO(st.st_mode) ? dress(fd, f) : -EEXIST;
}

/* One more name of what was put back before. */
static int put_name(int dir, const char *name, const struct wb_manifest_file *f)
{
	const char *first = NULL;
	CLEAN_FD from = open_parent(f->link, &first);
	struct stat st;

	if (from < 0)
		return from;
	if (fstatat(from, first, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return linkat(from, first, dir, name, 0) < 0 ? -errno : 0;
}

/*
 * One that is there is opened without O_CREAT, which fs.protected_regular forbids in /dev/shm and /tmp
 * even to root where the file is another user's.
 */
static int open_regular(int dir, const char *name)
{
	const int flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int fd = openat(dir, name, flags);

	if (fd < 0 && errno == ENOENT)
		fd = openat(dir, name, flags | O_CREAT | O_EXCL, 0600);
	/* Another unit that has it too was faster. */
	if (fd < 0 && errno == EEXIST)
		fd = openat(dir, name, flags);
	return fd < 0 ? -errno : fd;
}

/* Whoever has it mapped already must at no time find it shorter than it will be. */
static int put_regular(const struct wb_store *store, int dir, const char *name,
	const struct wb_manifest_file *f, struct wb_error *err)
{
	CLEAN_FD fd = open_regular(dir, name);
	int r = fd < 0 ? fd : 0;

	if (r == 0 && f->object)
		r = fill(fd, store, f->object, err);
	if (r == 0 && ftruncate(fd, lseek(fd, 0, SEEK_CUR)) < 0)
		r = -errno;
	return r < 0 ? r : dress(fd, f);
}

/* A sentence is there afterwards, whatever failed. */
static int put(const struct wb_store *store, const struct wb_manifest_file *f, struct wb_error *err)
{
	struct wb_error why = {};
	const char *name = NULL;
	CLEAN_FD dir = open_parent(f->path, &name);
	int r;

	if (dir < 0)
		r = dir;
	else if (f->directory)
		r = put_directory(dir, name, f);
	else if (f->target)
		r = put_link(dir, name, f);
	else if (f->fifo)
		r = put_fifo(dir, name, f);
	else if (f->link)
		r = put_name(dir, name, f);
	else
		r = put_regular(store, dir, name, f, &why);
	if (r == 0)
		return 0;
	return wb_fail(
		err, r, "cannot put %s back: %s", f->path, why.code ? why.text : strerror(-r));
}

/* Between the child in the namespace and us. */
struct shared {
	struct wb_error err;
	int result;
	bool again[]; /* for each file: read-only there, to be written from outside */
};

/*
 * When a shutdown takes the machine's /tmp away, that goes for a sandbox's own at the same place, too
 * (propagate_umount() in fs/pnode.c), and for all that is in it: unless another mount lies upon it.
 */
static void cover_own_tmp(const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->files.n; i++) {
		const struct wb_manifest_file *f = &u->files.items[i];

		if (f->directory && (!strcmp(f->path, "/tmp") || !strcmp(f->path, "/var/tmp")))
			mount(f->path, f->path, NULL, MS_BIND, NULL);
	}
}

static void put_inside(const struct wb_store *store, const struct wb_manifest_unit *u, int mount_ns,
	struct shared *s)
{
	if (mount_ns >= 0 && setns(mount_ns, CLONE_NEWNS) < 0) {
		s->result = wb_fail(&s->err, -errno, "cannot enter the sandbox of %s: %s", u->unit,
			strerror(errno));
		return;
	}
	if (mount_ns >= 0)
		cover_own_tmp(u);
	for (size_t i = 0; s->result == 0 && i < u->files.n; i++) {
		int r = put(store, &u->files.items[i], &s->err);

		s->again[i] = r == -EROFS;
		if (r < 0 && r != -EROFS)
			s->result = r;
	}
}

static int run_inside(const struct wb_store *store, const struct wb_manifest_unit *u, int mount_ns,
	struct shared *s, struct wb_error *err)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return wb_fail(err, -errno, "cannot fork: %s", strerror(errno));
	if (pid == 0) {
		put_inside(store, u, mount_ns, s);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return wb_fail(err, -errno, "cannot wait: %s", strerror(errno));
	if (!WIFEXITED(status))
		return wb_fail(err, -EIO, "putting the files of %s back was ended by signal %d",
			u->unit, WTERMSIG(status));
	if (s->result < 0)
		return wb_fail(err, s->result, "%s", s->err.text);
	return 0;
}

int wb_revive_files(const struct wb_store *store, const struct wb_manifest_unit *u, int mount_ns,
	struct wb_error *err)
{
	size_t size = sizeof(struct shared) + u->files.n;
	struct shared *s;
	int r;

	if (!u->files.n)
		return 0;
	/* Now: inside there may be no /dev/mem through which the store could be reached. */
	for (size_t i = 0; i < u->files.n; i++) {
		struct wb_store_reader reader;

		if (!u->files.items[i].object)
			continue;
		r = wb_store_get(store, u->files.items[i].object, &reader, err);
		if (r < 0)
			return r;
	}
	s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return wb_oom(err);
	r = run_inside(store, u, mount_ns, s, err);
	for (size_t i = 0; r == 0 && i < u->files.n; i++)
		if (s->again[i])
			r = put(store, &u->files.items[i], err);
	munmap(s, size);
	return r;
}
