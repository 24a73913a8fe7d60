// SPDX-License-Identifier: LGPL-2.1-or-later
/* Saving files that no disk holds into the store, before a jump. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/sort.h"
#include "core/valid.h"
#include "files/acl.h"
#include "files/take.h"
#include "sys/below.h"

/* ---- files that were saved already ---- */

/* A file or directory that was saved. */
struct seen {
	dev_t device;
	ino_t inode;
	size_t index; /* in u->files */
	bool listed;  /* a directory whose entries were saved, too */
};

static int compare_seen(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int c = (x->inode > y->inode) - (x->inode < y->inode);

	return c ? c : (x->device > y->device) - (x->device < y->device);
}

/* An entry of a directory. It is the same by every mount. */
struct dentry {
	dev_t device;
	ino_t directory;
	char name[NAME_MAX + 1];
};

static int compare_entries(const void *a, const void *b)
{
	const struct dentry *x = a, *y = b;
	int c = (x->directory > y->directory) - (x->directory < y->directory);

	if (!c)
		c = (x->device > y->device) - (x->device < y->device);
	return c ? c : strcmp(x->name, y->name);
}

/* Add a copy of `key` to the tree, unless it is there. *ret: the one in the tree. */
static int remember(void **tree, const void *key, size_t size,
	int (*compare)(const void *, const void *), void **ret, bool *ret_new)
{
	void *copy = malloc(size), **found;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, key, size);
	found = tsearch(copy, tree, compare);
	if (!found) {
		free(copy);
		return -ENOMEM;
	}
	*ret_new = *found == copy;
	*ret = *found;
	if (!*ret_new)
		free(copy);
	return 0;
}

/* The state of saving one unit's files. */
struct taking {
	int root;
	struct wb_manifest_unit *u;
	struct wb_store *store; /* NULL: measure only */
	uint64_t bytes;         /* bytes of file contents */
	size_t text;            /* bytes of paths */
	void *seen, *entries;   /* tsearch(3) */
	struct wb_strv pending; /* directories whose entries come later */
	dev_t device;           /* the device on which the walk began */
	struct wb_error *err;
};

/* An open directory. */
struct place {
	int fd;
	struct stat st;
};

static int see(struct taking *t, const struct stat *st, size_t index, struct seen **ret)
{
	const struct seen key = {st->st_dev, st->st_ino, index, false};
	bool new;

	return remember(&t->seen, &key, sizeof(key), compare_seen, (void **)ret, &new);
}

static struct seen *find_seen(struct taking *t, const struct stat *st)
{
	const struct seen key = {st->st_dev, st->st_ino, 0, false};
	void **found = tfind(&key, &t->seen, compare_seen);

	return found ? *found : NULL;
}

static void fill_entry(struct dentry *e, const struct place *dir, const char *name)
{
	e->device = dir->st.st_dev;
	e->directory = dir->st.st_ino;
	snprintf(e->name, sizeof(e->name), "%s", name);
}

static int note_entry(struct taking *t, const struct place *dir, const char *name, bool *ret_new)
{
	struct dentry key;
	void *found;

	fill_entry(&key, dir, name);
	return remember(&t->entries, &key, offsetof(struct dentry, name) + strlen(key.name) + 1,
		compare_entries, &found, ret_new);
}

static bool has_entry(struct taking *t, const struct place *dir, const char *name)
{
	struct dentry key;

	fill_entry(&key, dir, name);
	return tfind(&key, &t->entries, compare_entries);
}

/* ---- one file ---- */

/* A file may have any time. Nanoseconds in 64 bits reach from the year 1677 to 2262. */
static int64_t to_ns(const struct timespec *t)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)t->tv_sec, 1000000000, &ns) ||
		__builtin_add_overflow(ns, (int64_t)t->tv_nsec, &ns))
		return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/*
 * Access control lists are not saved. If a file has one, the group bits of the mode are its mask,
 * and without the list they would give the group the permissions of named users (acl(5)). So the
 * group gets its own permission from the list.
 */
static unsigned mode_without_acl(int fd, const struct stat *st)
{
	/* No common file system holds a longer list. */
	uint8_t raw[4096];
	char path[64];
	ssize_t n;

	if (S_ISLNK(st->st_mode))
		return st->st_mode & 07777;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = getxattr(path, "system.posix_acl_access", raw, sizeof(raw));
	if (n < 0)
		return st->st_mode & (errno == ERANGE ? 07707 : 07777);
	return wb_acl_mode((struct wb_bytes){raw, (size_t)n}, st->st_mode & 07777);
}

/* Append a file to the list. Its object, if it has one, is named by its index. */
static int add_file(struct taking *t, const char *path, int fd, const struct stat *st,
	struct wb_manifest_file **ret)
{
	struct wb_manifest_file *file;

	if (!wb_valid_path(path))
		return wb_fail(t->err, -EINVAL, "the path of its file %.60s... is too long", path);
	t->text += strlen(path);
	if (t->u->files.n >= WB_MANIFEST_FILES)
		return wb_fail(t->err, -EINVAL,
			"it has more than %d files that would have to travel", WB_MANIFEST_FILES);
	if (t->text > WB_MANIFEST_MOST)
		return wb_fail(t->err, -EINVAL,
			"the names of its files that would have to travel have more than %u MiB",
			WB_MANIFEST_MOST >> 20);
	file = wb_list_add(&t->u->files, sizeof(*file));
	if (!file)
		return wb_oom(t->err);
	file->path = strdup(path);
	if (!file->path)
		return wb_oom(t->err);
	file->mode = mode_without_acl(fd, st);
	file->uid = st->st_uid;
	file->gid = st->st_gid;
	file->mtime_ns = to_ns(&st->st_mtim);
	file->directory = S_ISDIR(st->st_mode);
	file->fifo = S_ISFIFO(st->st_mode);
	*ret = file;
	return 0;
}

static int take_link(struct taking *t, const char *path, int fd, struct wb_manifest_file *file)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));

	if (n <= 0 || n >= (ssize_t)sizeof(target))
		return wb_fail(t->err, -EIO, "cannot read the link %s: %s", path,
			n < 0 ? strerror(errno) : "its target has no sensible length");
	target[n] = '\0';
	file->target = strdup(target);
	return file->target ? 0 : wb_oom(t->err);
}

/*
 * Read as many bytes as the file had when it was opened, because another program may still write to
 * it.
 */
static int read_into(
	struct taking *t, const char *path, int fd, uint64_t left, struct wb_store_writer *w)
{
	while (left) {
		uint8_t *at;
		size_t room;
		ssize_t n;
		int r = wb_store_space(w, &at, &room, t->err);

		if (r < 0)
			return r;
		n = read(fd, at, room < left ? room : left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return wb_fail(t->err, -EIO, "cannot read %s: %s", path, strerror(errno));
		if (n == 0)
			return 0;
		wb_store_commit(w, (size_t)n);
		left -= (uint64_t)n;
	}
	return 0;
}

static int take_contents(struct taking *t, const char *path, int fd, const struct stat *st,
	struct wb_manifest_file *file)
{
	char object[WB_STORE_NAME_MAX + 1];
	struct wb_store_writer *w;
	int r;

	if (__builtin_add_overflow(t->bytes, wb_align_up((uint64_t)st->st_size, 4096), &t->bytes))
		t->bytes = UINT64_MAX;
	if (!t->store || st->st_size == 0)
		return 0;
	snprintf(object, sizeof(object), "%sf%zu", t->u->images, t->u->files.n - 1);
	r = wb_store_begin(t->store, object, &w, t->err);
	if (r < 0)
		return r;
	r = read_into(t, path, fd, (uint64_t)st->st_size, w);
	if (r < 0)
		wb_store_abort(w);
	else
		r = wb_store_end(w, t->err);
	if (r < 0)
		return r;
	file->object = strdup(object);
	return file->object ? 0 : wb_oom(t->err);
}

/* Use one descriptor for everything, so that all facts are about the same file. */
static int take_regular(struct taking *t, const struct place *dir, const char *name,
	const char *path, int at, bool named)
{
	WB_CLEAN_FD fd = wb_open_again(at, O_RDONLY | O_NONBLOCK);
	const size_t next = t->u->files.n;
	struct wb_manifest_file *file;
	struct seen *first = NULL;
	bool new_entry = true;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return wb_fail(
			t->err, -EIO, "cannot open %s: %s", path, strerror(fd < 0 ? -fd : errno));
	first = find_seen(t, &st);
	if (first && st.st_nlink < 2)
		return 0;
	r = st.st_nlink < 2 && !named ? 0 : note_entry(t, dir, name, &new_entry);
	if (r == 0 && !new_entry)
		return 0;
	if (r == 0 && !first && (st.st_nlink > 1 || named))
		r = see(t, &st, next, &first);
	if (r < 0)
		return wb_oom(t->err);
	r = add_file(t, path, fd, &st, &file);
	if (r < 0)
		return r;
	if (!first || first->index == next)
		return take_contents(t, path, fd, &st, file);
	file->link = strdup(t->u->files.items[first->index].path);
	return file->link ? 0 : wb_oom(t->err);
}

/* ---- directories ---- */

/*
 * `parent`: it is saved only because of a file below it. *ret NULL: another file system is mounted
 * there.
 */
static int take_directory(struct taking *t, const char *path, int fd, const struct stat *st,
	bool parent, struct seen **ret)
{
	struct seen *seen = find_seen(t, st);
	struct wb_manifest_file *file;
	int r;

	if (!seen) {
		r = see(t, st, t->u->files.n, &seen);
		if (r < 0)
			return wb_oom(t->err);
		r = add_file(t, path, fd, st, &file);
		if (r < 0)
			return r;
		file->parent = parent;
	}
	if (!parent)
		t->u->files.items[seen->index].parent = false;
	*ret = seen;
	return 0;
}

/*
 * List the directory later, so that the number of open directories does not grow with the depth of
 * the tree.
 */
static int put_off(struct taking *t, const char *path)
{
	if (!wb_valid_path(path))
		return wb_fail(t->err, -EINVAL, "the path of its file %.60s... is too long", path);
	return wb_strv_add(&t->pending, path) < 0 ? wb_oom(t->err) : 0;
}

/* `named`: it was named, and not found in a directory that is saved. */
static int take_entry(
	struct taking *t, const struct place *dir, const char *name, const char *path, bool named)
{
	WB_CLEAN_FD fd = wb_open_entry(dir->fd, name, O_PATH);
	struct wb_manifest_file *file;
	bool new = true;
	struct stat st;
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return wb_fail(t->err, -EIO, "cannot look at %s: %s", path,
			strerror(fd < 0 ? -fd : errno));
	if (S_ISDIR(st.st_mode))
		return put_off(t, path);
	if (!named && (st.st_dev != dir->st.st_dev || has_entry(t, dir, name)))
		return 0;
	if (S_ISREG(st.st_mode))
		return take_regular(t, dir, name, path, fd, named);
	if (!S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return 0;
	if (named && note_entry(t, dir, name, &new) < 0)
		return wb_oom(t->err);
	if (!new)
		return 0;
	r = add_file(t, path, fd, &st, &file);
	return r == 0 && S_ISLNK(st.st_mode) ? take_link(t, path, fd, file) : r;
}

static int list(struct taking *t, const char *path, int fd, const struct stat *st)
{
	const struct place dir = {fd, *st};
	const char *above = strcmp(path, "/") ? path : "";
	/* This closes the copy; `fd` belongs to the caller. */
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), r = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		wb_closep(&copy);
		return wb_fail(t->err, -EIO, "cannot list %s: %s", path, strerror(errno));
	}
	for (const struct dirent *e; r == 0 && (errno = 0, e = readdir(d));) {
		WB_CLEAN_STR below = NULL;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (asprintf(&below, "%s/%s", above, e->d_name) < 0) {
			below = NULL;
			r = wb_oom(t->err);
		} else {
			r = take_entry(t, &dir, e->d_name, below, false);
		}
	}
	if (r == 0 && errno)
		r = wb_fail(t->err, -EIO, "cannot list %s: %s", path, strerror(errno));
	closedir(d);
	return r;
}

/* Skip a directory that was removed or replaced meanwhile. */
static int open_directory(struct taking *t, const char *path, struct stat *st)
{
	int fd = wb_open_below(t->root, path, O_RDONLY | O_DIRECTORY);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return -ENOENT;
	if (fd < 0 || fstat(fd, st) < 0) {
		wb_fail(t->err, -EIO, "cannot open %s: %s", path, strerror(fd < 0 ? -fd : errno));
		wb_closep(&fd);
		return -EIO;
	}
	return fd;
}

/*
 * Save a directory and its entries, unless it is on another file system than the one where the walk
 * began.
 */
static int take_tree(struct taking *t, const char *path, bool alone, bool first)
{
	struct seen *seen = NULL;
	struct stat st;
	WB_CLEAN_FD fd = open_directory(t, path, &st);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (first)
		t->device = st.st_dev;
	r = take_directory(t, path, fd, &st, st.st_dev != t->device, &seen);
	if (r < 0 || alone || seen->listed || st.st_dev != t->device)
		return r;
	seen->listed = true;
	return list(t, path, fd, &st);
}

static int take_trees(struct taking *t, bool alone)
{
	bool first = true;
	int r = 0;

	while (r == 0 && t->pending.n) {
		char *path = t->pending.items[--t->pending.n];

		t->pending.items[t->pending.n] = NULL;
		r = take_tree(t, path, alone, first);
		free(path);
		first = false;
	}
	return r;
}

/* ---- a path that was named ---- */

/* Go one directory down. If it is on a tmpfs, and is not where that is mounted, save it, too. */
static int step_down(struct taking *t, struct place *dir, const char *name, const char *path)
{
	int fd = wb_open_entry(dir->fd, name, O_PATH | O_DIRECTORY);
	struct seen *seen;
	struct stat st;
	int r = 0;

	if (fd == -ENOENT)
		return fd;
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = fd < 0 ? fd : -errno;
		wb_closep(&fd);
		/* With O_PATH and O_DIRECTORY, openat2(2) calls a link no directory. */
		return wb_fail(t->err, r == -ENOTDIR ? -ELOOP : r,
			"cannot go to its file by %s: %s", path,
			r == -ENOTDIR ? "a link or a file is in the way" : strerror(-r));
	}
	if (st.st_dev == dir->st.st_dev && wb_is_volatile(fd))
		r = take_directory(t, path, fd, &st, true, &seen);
	close(dir->fd);
	*dir = (struct place){fd, st};
	return r;
}

/* Is the entry in a directory that is saved with all its entries? */
static bool is_taken(struct taking *t, const struct place *dir, const char *name)
{
	const struct seen *seen = find_seen(t, &dir->st);
	WB_CLEAN_FD fd = wb_open_entry(dir->fd, name, O_PATH);
	struct stat st;

	return seen && seen->listed && fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode) &&
	       st.st_dev == dir->st.st_dev;
}

static int take_named(struct taking *t, char *path, bool alone)
{
	struct place dir = {.fd = fcntl(t->root, F_DUPFD_CLOEXEC, 3)};
	char *name = path + strspn(path, "/");
	int r = dir.fd < 0 || fstat(dir.fd, &dir.st) < 0 ? -errno : 0;

	if (r < 0)
		wb_fail(t->err, r, "cannot look at the root directory: %s", strerror(-r));
	for (char *slash; r == 0 && (slash = strchr(name, '/'));) {
		*slash = '\0';
		r = step_down(t, &dir, name, path);
		*slash = '/';
		name = slash + strspn(slash, "/");
	}
	if (r == 0 && !*name)
		r = put_off(t, path);
	else if (r == 0 && alone)
		r = put_off(t, path);
	else if (r == 0 && !is_taken(t, &dir, name))
		r = take_entry(t, &dir, name, path, true);
	if (r == 0)
		r = take_trees(t, alone);
	wb_closep(&dir.fd);
	return r == -ENOENT ? 0 : r;
}

/* The path without a "/" at its end. */
static char *plain(const char *path, bool *ret_alone)
{
	size_t n = strlen(path);

	*ret_alone = n > 1 && path[n - 1] == '/';
	while (n > 1 && path[n - 1] == '/')
		n--;
	return strndup(path, n);
}

static int compare_lengths(const void *a, const void *b)
{
	size_t x = strlen(*(char *const *)a), y = strlen(*(char *const *)b);

	return x != y ? (x > y) - (x < y) : strcmp(*(char *const *)a, *(char *const *)b);
}

/* Shorter paths first, so that a directory comes before its entries. */
static int take_all(struct taking *t, const struct wb_strv *paths)
{
	const char **sorted = calloc(paths->n + 1, sizeof(*sorted));
	int r = sorted ? 0 : wb_oom(t->err);

	for (size_t i = 0; sorted && i < paths->n; i++)
		sorted[i] = paths->items[i];
	if (sorted)
		wb_sort(sorted, paths->n, sizeof(*sorted), compare_lengths);
	for (size_t i = 0; r == 0 && i < paths->n; i++) {
		bool alone;
		WB_CLEAN_STR path = plain(sorted[i], &alone);

		if (!path)
			r = wb_oom(t->err);
		else if (!wb_valid_path(path))
			r = wb_fail(
				t->err, -EINVAL, "the path of its file %.60s is not valid", path);
		else
			r = take_named(t, path, alone);
	}
	free(sorted);
	wb_strv_deinit(&t->pending);
	tdestroy(t->seen, free);
	tdestroy(t->entries, free);
	return r;
}

int wb_take_files(int root, const struct wb_strv *paths, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err)
{
	struct taking t = {.root = root, .u = u, .store = store, .err = err};

	return take_all(&t, paths);
}

int wb_take_measure(int root, const struct wb_strv *paths, uint64_t *ret, struct wb_error *err)
{
	WB_CLEAN_MANIFEST scratch = {};
	struct wb_manifest_unit *u = wb_list_add(&scratch.units, sizeof(*u));
	struct taking t = {.root = root, .u = u, .err = err};
	int r = u ? take_all(&t, paths) : wb_oom(err);

	if (r == 0)
		*ret = t.bytes;
	return r;
}

int wb_take_other_names(
	int root, const char *path, int64_t device, int64_t inode, struct wb_strv *paths)
{
	const char *slash = strrchr(path, '/');
	int length = slash ? (int)(slash - path) : 0, fd, r = 0;
	WB_CLEAN_STR above = strndup(path, (size_t)length);
	DIR *dir;

	if (!above)
		return -ENOMEM;
	fd = wb_open_below(root, *above ? above : "/", O_RDONLY | O_DIRECTORY);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		wb_closep(&fd);
		return 0;
	}
	for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
		WB_CLEAN_STR name = NULL;
		struct stat st;

		/*
		 * Compare the inode number first, because opening each file of a large directory is
		 * slow.
		 */
		if ((int64_t)e->d_ino != inode ||
			fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode) || (int64_t)st.st_dev != device ||
			(int64_t)st.st_ino != inode)
			continue;
		if (asprintf(&name, "%s/%s", above, e->d_name) < 0) {
			name = NULL;
			r = -ENOMEM;
		} else if (wb_valid_path(name)) {
			r = wb_strv_add_once(paths, name);
		}
	}
	closedir(dir);
	return r;
}
