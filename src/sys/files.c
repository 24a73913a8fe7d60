// SPDX-License-Identifier: LGPL-2.1-or-later
/* struct wb_files over the real file system. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/sys.h"

static int fail_file(struct wb_error *err, int r, const char *what, const char *path)
{
	return wb_fail(err, r, "cannot %s %s: %s", what, path, strerror(-r));
}

/* /dev/kmsg gives one record a read, and only to a buffer with room for the longest. */
#define RECORD 8193
/* Most files of /proc are shorter. */
#define SHORT (2 * RECORD)

/* Read the beginning of a file into a buffer of the right size. 1: that is all of it. */
static int read_short(int fd, struct wb_blob *b)
{
	char first[SHORT];
	size_t have = 0;
	ssize_t got;
	int r;

	do {
		got = read(fd, first + have, sizeof(first) - have);
		if (got < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (got < 0 && errno != EAGAIN)
			return -errno;
		have += got > 0 ? (size_t)got : 0;
	} while (got != 0 && !(got < 0 && errno == EAGAIN) && sizeof(first) - have >= RECORD);
	r = wb_blob_reserve(b, have + 1);
	if (r < 0)
		return r;
	memcpy(b->data, first, have);
	b->size = have;
	b->data[have] = 0;
	return got <= 0;
}

/* Files in /proc and /sys have no size, so read until the end of file. */
static int read_to_end(int fd, size_t limit, struct wb_blob *b)
{
	for (;;) {
		ssize_t got;
		int r;

		if (b->capacity - b->size < RECORD) {
			r = wb_blob_reserve(b,
				b->capacity + (b->capacity / 2 > 65536 ? b->capacity / 2 : 65536));
			if (r < 0)
				return r;
		}
		got = read(fd, b->data + b->size, b->capacity - b->size - 1);
		/*
		 * EPIPE: the kernel's log skips records that were overwritten. It ends with EAGAIN.
		 */
		if (got < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (got < 0 && errno != EAGAIN)
			return -errno;
		if (got <= 0)
			break;
		b->size += (size_t)got;
		if (limit && b->size > limit)
			return -EFBIG;
	}
	b->data[b->size] = 0;
	return 0;
}

/*
 * sysfs reports one page for every file, so a size above the limit does not prove that it is too
 * large.
 */
static size_t expected_size(const struct stat *st, size_t limit)
{
	if (!S_ISREG(st->st_mode))
		return 0;
	return limit && (uint64_t)st->st_size > limit ? limit : (size_t)st->st_size;
}

/* Can only root, or the user who runs this, have written the file? */
static bool is_owned(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid()) &&
	       !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int read_file(
	const char *path, size_t limit, bool owned, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB b = {};
	size_t expected;
	struct stat st;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail_file(err, -errno, "read", path);
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && S_ISDIR(st.st_mode))
		r = -EISDIR;
	if (r == 0 && owned && !is_owned(&st)) {
		close(fd);
		return wb_fail(err, -EPERM,
			"%s is not believed: it has to be a file of root's that nobody else can "
			"write to",
			path);
	}
	expected = r < 0 ? 0 : expected_size(&st, limit);
	if (r == 0 && expected < SHORT)
		r = read_short(fd, &b);
	else if (r == 0)
		r = wb_blob_reserve(&b, expected + 4098);
	if (r == 0)
		r = read_to_end(fd, limit, &b);
	if (r >= 0 && limit && b.size > limit)
		r = -EFBIG;
	close(fd);
	if (r < 0)
		return fail_file(err, r, "read", path);
	*ret = wb_blob_take(&b);
	return 0;
}

static int real_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	return read_file(path, limit, false, ret, err);
}

static int real_read_owned(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	return read_file(path, limit, true, ret, err);
}

static int read_part(int fd, uint64_t off, size_t n, struct wb_blob *b)
{
	while (b->size < n) {
		ssize_t got = pread(fd, b->data + b->size, n - b->size, (off_t)(off + b->size));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		b->size += (size_t)got;
	}
	b->data[b->size] = 0;
	return 0;
}

static int real_read_at(void *ctx, const char *path, uint64_t off, size_t n, struct wb_blob *ret,
	struct wb_error *err)
{
	WB_CLEAN_BLOB b = {};
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail_file(err, -errno, "read", path);
	r = off > INT64_MAX - n ? -EOVERFLOW : wb_blob_reserve(&b, n + 1);
	if (r == 0)
		r = read_part(fd, off, n, &b);
	close(fd);
	if (r < 0)
		return fail_file(err, r, "read", path);
	*ret = wb_blob_take(&b);
	return 0;
}

static int real_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	DIR *d = opendir(path);
	struct dirent *de;
	int r = 0;

	if (!d)
		return fail_file(err, -errno, "list", path);
	while (r == 0 && (de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			r = wb_strv_add(&names, de->d_name);
	closedir(d);
	if (r < 0)
		return fail_file(err, r, "list", path);
	wb_strv_sort(&names);
	*ret = names;
	names = (struct wb_strv){};
	return 0;
}

static bool real_exists(void *ctx, const char *path)
{
	return access(path, F_OK) == 0;
}

static int real_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	char buf[4096];
	ssize_t n = readlink(path, buf, sizeof(buf) - 1);

	if (n < 0)
		return fail_file(err, -errno, "follow", path);
	buf[n] = 0;
	*ret = strdup(buf);
	return *ret ? 0 : -ENOMEM;
}

static int64_t ns_of(struct timespec t)
{
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int real_stamp(void *ctx, const char *path, int64_t ret[3])
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	ret[0] = st.st_size;
	ret[1] = ns_of(st.st_mtim);
	ret[2] = ns_of(st.st_ctim);
	return 0;
}

const struct wb_files wb_files_host = {
	.read = real_read,
	.read_at = real_read_at,
	.list = real_list,
	.exists = real_exists,
	.readlink = real_readlink,
	.read_owned = real_read_owned,
	.stamp = real_stamp,
};
