// SPDX-License-Identifier: LGPL-2.1-or-later
/* The directory of unpacked kernels. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/sha256.h"
#include "core/text.h"
#include "core/xxh.h"
#include "stage/cache.h"
#include "sys/below.h"

#define MAGIC "wbkernel"
#define VERSION 1
#define NEW "new" /* the file that is being written; it gets its name when it is complete */
#define STEP (64u << 10)
#define NAME_SIZE (2 * WB_CACHE_KEY + 1)

/*
 * The beginning of a file, in this machine's byte order. The contents follow at byte STEP. The sum
 * finds damage of the disk. It is no protection against root, who could replace the kernel as well.
 */
struct header {
	char magic[8];
	uint32_t version;
	uint32_t size; /* of this struct */
	uint8_t key[WB_CACHE_KEY];
	uint64_t length;   /* bytes of the contents */
	XXH128_hash_t sum; /* of the contents */
	uint64_t header;   /* XXH3 of all fields above */
};
_Static_assert(sizeof(struct header) == 80, "no padding, which would not be in the sum");

static const uint8_t zeroes[STEP];

static uint64_t header_sum(const struct header *h)
{
	return XXH3_64bits(h, offsetof(struct header, header));
}

void wb_cache_key(struct wb_bytes packed, uint8_t ret[WB_CACHE_KEY])
{
	wb_sha256(packed.data, packed.size, ret);
}

static bool is_private(const struct stat *st, mode_t type)
{
	return (st->st_mode & S_IFMT) == type && st->st_uid == geteuid() && !(st->st_mode & 0077);
}

int wb_cache_open(const char *path, bool make)
{
	WB_CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *name = strrchr(path, '/');
	char parent[256];
	struct stat st;
	int dir, fd;

	if (root < 0)
		return -errno;
	if (!name || name == path || (size_t)(name - path) >= sizeof(parent))
		return -EINVAL;
	memcpy(parent, path, (size_t)(name - path));
	parent[name - path] = 0;
	dir = wb_open_below(root, parent, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return dir;
	if (make && mkdirat(dir, name + 1, 0700) < 0 && errno != EEXIST) {
		fd = -errno;
		close(dir);
		return fd;
	}
	fd = wb_open_entry(dir, name + 1, O_RDONLY | O_DIRECTORY);
	close(dir);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !is_private(&st, S_IFDIR)) {
		close(fd);
		return -EPERM;
	}
	if (wb_is_volatile(fd)) {
		close(fd);
		return -EROFS;
	}
	return fd;
}

static int read_at(int fd, void *buf, size_t n, off_t at)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = pread(fd, (uint8_t *)buf + done, n - done, at + (off_t)done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EBADMSG;
		done += (size_t)r;
	}
	return 0;
}

static int write_at(int fd, const void *buf, size_t n, off_t at)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = pwrite(fd, (const uint8_t *)buf + done, n - done, at + (off_t)done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EIO;
		done += (size_t)r;
	}
	return 0;
}

/* Read the file if it is whole and nobody else may use it. -ENOMEM is no fault of the file. */
static int read_file(int fd, const uint8_t key[WB_CACHE_KEY], size_t limit, struct wb_blob *ret)
{
	struct header h;
	struct stat st;
	XXH128_hash_t sum;
	size_t before = ret->size;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!is_private(&st, S_IFREG) || st.st_nlink != 1)
		return -EPERM;
	r = read_at(fd, &h, sizeof(h), 0);
	if (r < 0)
		return r;
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 || h.version != VERSION ||
		h.size != sizeof(h) || h.header != header_sum(&h) ||
		memcmp(h.key, key, WB_CACHE_KEY) != 0 || h.length > limit ||
		(uint64_t)st.st_size != STEP + h.length)
		return -EBADMSG;
	r = wb_blob_reserve(ret, before + h.length);
	if (r < 0)
		return r;
	r = read_at(fd, ret->data + before, h.length, STEP);
	if (r < 0)
		return r;
	sum = wb_xxh128(ret->data + before, h.length);
	if (!XXH128_isEqual(sum, h.sum))
		return -EBADMSG;
	ret->size = before + h.length;
	return 0;
}

int wb_cache_read(int dir, const uint8_t key[WB_CACHE_KEY], size_t limit, struct wb_blob *ret)
{
	char name[NAME_SIZE];
	int fd, r;

	wb_hex_write(key, WB_CACHE_KEY, name);
	fd = wb_open_entry(dir, name, O_RDONLY | O_NONBLOCK);
	if (fd == -ENOENT)
		return fd;
	r = fd < 0 ? fd : read_file(fd, key, limit, ret);
	if (r == 0)
		futimens(fd, NULL); /* what was used last goes last */
	else if (r != -ENOMEM)
		unlinkat(dir, name, 0);
	if (fd >= 0)
		close(fd);
	return r;
}

struct entry {
	char name[NAME_SIZE];
	uint64_t bytes;
	struct timespec used;
};

static bool is_older(const struct entry *a, const struct entry *b)
{
	return a->used.tv_sec != b->used.tv_sec ? a->used.tv_sec < b->used.tv_sec
						: a->used.tv_nsec < b->used.tv_nsec;
}

/* Remove what no such file is, and the oldest until one of `bytes` fits beside the others. */
static int make_room(int dir, uint64_t bytes)
{
	struct entry kept[WB_CACHE_FILES - 1]; /* the newest so far, newest first */
	int again = wb_open_again(dir, O_RDONLY | O_DIRECTORY);
	uint64_t total = bytes;
	DIR *list = again < 0 ? NULL : fdopendir(again);
	struct dirent *d;
	size_t n = 0;

	if (!list) {
		int r = again < 0 ? again : -errno;

		wb_closep(&again);
		return r;
	}
	while ((d = readdir(list))) {
		struct entry e = {};
		struct stat st;
		size_t at = n;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (strlen(d->d_name) != NAME_SIZE - 1 ||
			fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!is_private(&st, S_IFREG)) {
			unlinkat(dir, d->d_name, 0);
			continue;
		}
		memcpy(e.name, d->d_name, NAME_SIZE);
		e.bytes = (uint64_t)st.st_size;
		e.used = st.st_mtim;
		while (at > 0 && is_older(&kept[at - 1], &e))
			at--;
		if (n == WB_CACHE_FILES - 1) {
			unlinkat(dir, at == n ? e.name : kept[n - 1].name, 0);
			if (at == n)
				continue;
			n--;
		}
		memmove(kept + at + 1, kept + at, (n - at) * sizeof(*kept));
		kept[at] = e;
		n++;
	}
	closedir(list);
	for (size_t i = 0; i < n; i++) {
		total += kept[i].bytes;
		if (total > WB_CACHE_BYTES)
			unlinkat(dir, kept[i].name, 0);
	}
	return 0;
}

/* Pages of zeroes, a fifth of a kernel, stay holes. */
static int write_contents(int fd, struct wb_bytes in)
{
	for (size_t at = 0; at < in.size; at += STEP) {
		size_t n = in.size - at < STEP ? in.size - at : STEP;
		int r = memcmp(in.data + at, zeroes, n) == 0
				? 0
				: write_at(fd, in.data + at, n, (off_t)(STEP + at));

		if (r < 0)
			return r;
	}
	return ftruncate(fd, (off_t)(STEP + in.size)) < 0 ? -errno : 0;
}

int wb_cache_write(int dir, const uint8_t key[WB_CACHE_KEY], struct wb_bytes contents)
{
	struct header h = {.magic = MAGIC, .version = VERSION, .size = sizeof(h)};
	char name[NAME_SIZE];
	struct statvfs fs;
	int fd, r;

	if (contents.size > WB_CACHE_BYTES - STEP)
		return -EFBIG;
	r = make_room(dir, STEP + contents.size);
	if (r < 0)
		return r;
	if (fstatvfs(dir, &fs) < 0)
		return -errno;
	if ((uint64_t)fs.f_bavail * fs.f_frsize / 4 < contents.size)
		return -ENOSPC;
	memcpy(h.key, key, WB_CACHE_KEY);
	h.length = contents.size;
	h.sum = wb_xxh128(contents.data, contents.size);
	h.header = header_sum(&h);
	wb_hex_write(key, WB_CACHE_KEY, name);
	fd = wb_make_entry(dir, NEW);
	if (fd < 0)
		return fd;
	r = write_at(fd, &h, sizeof(h), 0);
	if (r == 0)
		r = write_contents(fd, contents);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir, NEW, dir, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, NEW, 0);
	return r;
}
