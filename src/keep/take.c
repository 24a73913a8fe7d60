// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep/take.h"

static int read_into(int fd, struct wb_store_writer *w, const char *path, struct wb_error *err)
{
	for (;;) {
		uint8_t *at;
		size_t room;
		ssize_t n;
		int r = wb_store_space(w, &at, &room, err);

		if (r < 0)
			return r;
		n = read(fd, at, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return wb_fail(err, -EIO, "cannot read %s: %s", path, strerror(errno));
		if (n == 0)
			return 0;
		wb_store_commit(w, (size_t)n);
	}
}

static int take_contents(const char *at, const char *path, struct wb_manifest_file *file,
	const char *object, struct wb_store *store, struct wb_error *err)
{
	struct wb_store_writer *w;
	int fd = open(at, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r;

	if (fd < 0)
		return wb_fail(err, -EIO, "cannot open %s: %s", path, strerror(errno));
	r = wb_store_begin(store, object, &w, err);
	if (r == 0) {
		r = read_into(fd, w, path, err);
		if (r < 0)
			wb_store_abort(w);
		else
			r = wb_store_end(w, err);
	}
	close(fd);
	if (r < 0)
		return r;
	file->object = strdup(object);
	return file->object ? 0 : wb_oom(err);
}

/* Any time is legal, and the ends of what nanoseconds can say are in the years 1677 and 2262. */
static int64_t to_ns(const struct timespec *t)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)t->tv_sec, 1000000000, &ns) ||
		__builtin_add_overflow(ns, (int64_t)t->tv_nsec, &ns))
		return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/* A file that may have further names. */
struct linked {
	dev_t device;
	ino_t inode;
	size_t index; /* in u->files */
};

static int compare_linked(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;
	int c = (x->inode > y->inode) - (x->inode < y->inode);

	return c ? c : (x->device > y->device) - (x->device < y->device);
}

/* All that is taken of one unit. */
struct taking {
	struct wb_manifest_unit *u;
	struct wb_store *store;
	void *linked; /* tsearch(3) */
};

/* `ret`: the entry of an earlier name, `next` when this is the first. */
static int find_linked(struct taking *t, const struct stat *st, size_t next, size_t *ret)
{
	struct linked *new = malloc(sizeof(*new)), **found;

	if (!new)
		return -ENOMEM;
	*new = (struct linked){st->st_dev, st->st_ino, next};
	found = tsearch(new, &t->linked, compare_linked);
	*ret = found ? (*found)->index : next;
	if (!found || *found != new)
		free(new);
	return found ? 0 : -ENOMEM;
}

/* One entry of the walk; `path` is what the unit's processes call it. */
static int take_one(struct taking *t, const FTSENT *e, const char *path, struct wb_error *err)
{
	const struct stat *st = e->fts_statp;
	struct wb_manifest_unit *u = t->u;
	bool fifo = e->fts_info == FTS_DEFAULT && S_ISFIFO(st->st_mode);
	size_t first = u->files.n;
	char object[WB_STORE_NAME_MAX + 1], target[PATH_MAX];
	struct wb_manifest_file *file;
	ssize_t n;

	if (e->fts_info != FTS_D && e->fts_info != FTS_F && e->fts_info != FTS_SL &&
		e->fts_info != FTS_SLNONE && !fifo)
		return 0;
	if (e->fts_info == FTS_F && st->st_nlink > 1 && find_linked(t, st, first, &first) < 0)
		return wb_oom(err);
	/* Named twice, by itself and by a directory. */
	if (first < u->files.n && !strcmp(u->files.items[first].path, path))
		return 0;
	file = wb_list_add(&u->files, sizeof(*file));
	if (!file)
		return wb_oom(err);
	file->path = strdup(path);
	file->mode = st->st_mode & 07777;
	file->uid = st->st_uid;
	file->gid = st->st_gid;
	file->mtime_ns = to_ns(&st->st_mtim);
	file->directory = e->fts_info == FTS_D;
	file->fifo = fifo;
	if (!file->path)
		return wb_oom(err);
	if (e->fts_info == FTS_SL || e->fts_info == FTS_SLNONE) {
		n = readlink(e->fts_accpath, target, sizeof(target) - 1);
		if (n < 0)
			return wb_fail(
				err, -EIO, "cannot read the link %s: %s", path, strerror(errno));
		target[n] = 0;
		file->target = strdup(target);
		return file->target ? 0 : wb_oom(err);
	}
	if (first < u->files.n - 1) {
		file->link = strdup(u->files.items[first].path);
		return file->link ? 0 : wb_oom(err);
	}
	if (e->fts_info == FTS_D || fifo || st->st_size == 0)
		return 0;
	snprintf(object, sizeof(object), "%sf%zu", u->images, u->files.n - 1);
	return take_contents(e->fts_accpath, path, file, object, t->store, err);
}

/* A directory without what is in it? */
static bool is_alone(const char *path)
{
	size_t n = strlen(path);

	return n > 1 && path[n - 1] == '/';
}

static FTS *walk(const char *root, const char *path, char ret[PATH_MAX])
{
	char *list[] = {ret, NULL};

	if (snprintf(ret, PATH_MAX, "%s%.*s", root, (int)(strlen(path) - is_alone(path)), path) >=
		PATH_MAX)
		return NULL;
	/* Without FTS_COMFOLLOW: a link is taken as a link. */
	return fts_open(list, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
}

int wb_take_files(const char *root, const struct wb_strv *paths, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err)
{
	struct taking t = {.u = u, .store = store};
	char first[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < paths->n && r == 0; i++) {
		FTS *fts = walk(root, paths->items[i], first);

		if (!fts)
			r = wb_fail(err, -EIO, "cannot look at %s: %s", paths->items[i],
				strerror(errno));
		for (FTSENT *e; r == 0 && (e = fts_read(fts));) {
			if (is_alone(paths->items[i])) {
				fts_set(fts, e, FTS_SKIP);
				/* What has taken a directory's place meanwhile is not meant. */
				if (e->fts_info != FTS_D)
					break;
			}
			r = take_one(&t, e, e->fts_path + strlen(root), err);
		}
		if (fts)
			fts_close(fts);
	}
	tdestroy(t.linked, free);
	return r;
}

int wb_take_other_names(
	const char *root, const char *path, int64_t device, int64_t inode, struct wb_strv *paths)
{
	const char *slash = strrchr(path, '/');
	int length = slash ? (int)(slash - path) : 0, r = 0;
	char at[PATH_MAX];
	DIR *dir;

	if (snprintf(at, sizeof(at), "%s%.*s/", root, length, path) >= (int)sizeof(at))
		return 0;
	dir = opendir(at);
	if (!dir)
		return 0;
	for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
		struct stat st;

		/* A look at each file of a large directory would take its time. */
		if ((int64_t)e->d_ino != inode ||
			fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode) || (int64_t)st.st_dev != device ||
			(int64_t)st.st_ino != inode)
			continue;
		if (snprintf(at, sizeof(at), "%.*s/%s", length, path, e->d_name) < (int)sizeof(at))
			r = wb_strv_add_once(paths, at);
	}
	closedir(dir);
	return r;
}

uint64_t wb_take_size(const char *root, const struct wb_strv *paths)
{
	char first[PATH_MAX];
	uint64_t bytes = 0;

	for (size_t i = 0; i < paths->n; i++) {
		FTS *fts = is_alone(paths->items[i]) ? NULL : walk(root, paths->items[i], first);

		for (FTSENT *e; fts && (e = fts_read(fts));)
			if (e->fts_info == FTS_F)
				bytes += wb_align_up((uint64_t)e->fts_statp->st_size, 4096);
		if (fts)
			fts_close(fts);
	}
	return bytes;
}
