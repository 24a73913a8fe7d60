// SPDX-License-Identifier: LGPL-2.1-or-later
/* The cache of unpacked kernels, in a real directory on a disk: what it gives back and what it refuses. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "stage/cache.h"
#include "sys/below.h"
#include "unit.h"

#define SIZE (300u << 10)
#define BODY (64u << 10) /* where the contents begin in a file */

struct world {
	char top[64], path[96];
	uint8_t contents[SIZE];
};

static int set_up(void **state)
{
	struct world *w = test_calloc(1, sizeof(*w));

	*state = w;
	strcpy(w->top,
		"/var/tmp/wb-cache-XXXXXX"); /* /tmp may lie in memory, where no cache is made */
	if (!mkdtemp(w->top))
		return -1;
	snprintf(w->path, sizeof(w->path), "%s/warmboot", w->top);
	for (size_t i = 0; i < SIZE; i++)
		w->contents[i] = i < 100 << 10 || i >= 250 << 10 ? (uint8_t)(i * 7 + i / 256) : 0;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", w->top);
	test_free(w);
	return system(command);
}

/* A key that begins with `n`, and the path of its file. */
static const uint8_t *key(uint8_t n)
{
	static uint8_t ret[WB_CACHE_KEY];

	ret[0] = n;
	return ret;
}

static const char *file(const struct world *w, uint8_t n)
{
	static char ret[256];
	char hex[2 * WB_CACHE_KEY + 1];

	wb_hex_write(key(n), WB_CACHE_KEY, hex);
	snprintf(ret, sizeof(ret), "%s/%s", w->path, hex);
	return ret;
}

static int open_cache(const struct world *w)
{
	int dir = wb_cache_open(w->path, true);

	if (dir == -EROFS)
		skip();
	assert_true(dir >= 0);
	return dir;
}

static struct wb_bytes whole(const struct world *w)
{
	return (struct wb_bytes){w->contents, SIZE};
}

/* An opened cache that has the contents under key 1. */
static int filled(const struct world *w)
{
	int dir = open_cache(w);

	assert_int_equal(wb_cache_write(dir, key(1), whole(w)), 0);
	return dir;
}

static void is_there(const struct world *w, int dir, uint8_t n)
{
	WB_CLEAN_BLOB got = {};

	assert_int_equal(wb_cache_read(dir, key(n), SIZE, &got), 0);
	assert_int_equal(got.size, SIZE);
	assert_memory_equal(got.data, w->contents, SIZE);
}

/* The file of key 1 gives nothing, leaves the blob alone, and is gone afterwards. */
static void refuses(const struct world *w, int dir, int error)
{
	WB_CLEAN_BLOB got = {};
	struct stat st;

	assert_int_equal(wb_cache_read(dir, key(1), SIZE, &got), error);
	assert_int_equal(got.size, 0);
	assert_int_equal(lstat(file(w, 1), &st), -1);
	assert_int_equal(wb_cache_read(dir, key(1), SIZE, &got), -ENOENT);
}

static size_t count(const struct world *w)
{
	DIR *d = opendir(w->path);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void poke(const struct world *w, off_t at)
{
	WB_CLEAN_FD fd = open(file(w, 1), O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void gives_back_what_was_put(void **state)
{
	const struct world *w = *state;
	WB_CLEAN_BLOB got = {};
	struct stat st;
	WB_CLEAN_FD dir = -1;

	assert_int_equal(wb_cache_open(w->path, false), -ENOENT);
	dir = filled(w);
	is_there(w, dir, 1);
	assert_int_equal(wb_cache_read(dir, key(2), SIZE, &got), -ENOENT);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(file(w, 1), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Zeroes take no room. */
	assert_true((uint64_t)st.st_blocks * 512 <= BODY + SIZE - (100u << 10));
	/* A second time replaces it. */
	assert_int_equal(wb_cache_write(dir, key(1), whole(w)), 0);
	assert_int_equal(count(w), 1);
	is_there(w, dir, 1);
}

/* Bytes that the blob had before stay, with or without a hit. */
static void appends(void **state)
{
	const struct world *w = *state;
	WB_CLEAN_FD dir = filled(w);
	WB_CLEAN_BLOB got = {};

	assert_int_equal(wb_blob_append(&got, "before", 6), 0);
	assert_int_equal(wb_cache_read(dir, key(1), SIZE, &got), 0);
	assert_int_equal(got.size, 6 + SIZE);
	assert_memory_equal(got.data, "before", 6);
	poke(w, BODY + 5);
	assert_int_equal(wb_cache_read(dir, key(1), SIZE, &got), -EBADMSG);
	assert_int_equal(got.size, 6 + SIZE);
}

/* One changed bit anywhere: the header, the contents, a hole, the last byte. */
static void damage_is_found(void **state)
{
	static const off_t places[] = {
		0, 8, 12, 16, 47, 48, 56, 71, 72, 79, BODY, BODY + (200 << 10), BODY + SIZE - 1};
	const struct world *w = *state;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		WB_CLEAN_FD dir = filled(w);

		poke(w, places[i]);
		refuses(w, dir, -EBADMSG);
	}
	for (off_t n = 0; n <= BODY + SIZE + 1; n = n < BODY ? n * 2 + 40 : n + (60 << 10) + 1) {
		WB_CLEAN_FD dir = filled(w);

		assert_int_equal(truncate(file(w, 1), n), 0);
		refuses(w, dir, -EBADMSG);
	}
}

/* A file under another kernel's name, and one that is larger than the caller takes. */
static void the_wrong_kernel_is_refused(void **state)
{
	const struct world *w = *state;
	WB_CLEAN_FD dir = filled(w);
	WB_CLEAN_BLOB got = {};
	char other[256];

	strcpy(other, file(w, 2));
	assert_int_equal(rename(file(w, 1), other), 0);
	assert_int_equal(wb_cache_read(dir, key(2), SIZE, &got), -EBADMSG);
	assert_int_equal(wb_cache_write(dir, key(1), whole(w)), 0);
	assert_int_equal(wb_cache_read(dir, key(1), SIZE - 1, &got), -EBADMSG);
	assert_int_equal(got.size, 0);
}

static void others_files_are_removed(void **state)
{
	const struct world *w = *state;
	WB_CLEAN_FD dir = filled(w);
	char aside[256];
	struct stat st;

	assert_int_equal(chmod(file(w, 1), 0640), 0);
	refuses(w, dir, -EPERM);

	assert_int_equal(wb_cache_write(dir, key(1), whole(w)), 0);
	snprintf(aside, sizeof(aside), "%s/aside", w->top);
	assert_int_equal(link(file(w, 1), aside), 0);
	refuses(w, dir, -EPERM);

	/* A link to a file that is right is not followed, and its target stays. */
	assert_int_equal(symlink(aside, file(w, 1)), 0);
	refuses(w, dir, -ELOOP);
	assert_int_equal(stat(aside, &st), 0);

	assert_int_equal(mkfifo(file(w, 1), 0600), 0);
	refuses(w, dir, -EPERM);

	if (geteuid() != 0)
		return;
	assert_int_equal(wb_cache_write(dir, key(1), whole(w)), 0);
	assert_int_equal(chown(file(w, 1), 65534, 65534), 0);
	refuses(w, dir, -EPERM);
}

static void others_directories_are_refused(void **state)
{
	const struct world *w = *state;
	char other[160];
	int dir = open_cache(w);

	close(dir);
	assert_int_equal(chmod(w->path, 0750), 0);
	assert_int_equal(wb_cache_open(w->path, true), -EPERM);
	assert_int_equal(chmod(w->path, 0700), 0);
	snprintf(other, sizeof(other), "%s/link", w->top);
	assert_int_equal(symlink(w->path, other), 0);
	assert_int_equal(wb_cache_open(other, true), -ENOTDIR);
	strcat(other, "/below");
	assert_int_equal(wb_cache_open(other, true), -ENOTDIR);
	strcat(other, "/further");
	assert_int_equal(wb_cache_open(other, true), -ELOOP);
	assert_int_equal(wb_cache_open("/dev/shm/wb-cache-none/x", true), -ENOENT);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(w->path, 65534, 65534), 0);
	assert_int_equal(wb_cache_open(w->path, true), -EPERM);
}

/* The kernel that was used last stays. Other files do not, nor does a write that was broken off. */
static void room_is_bounded(void **state)
{
	const struct world *w = *state;
	WB_CLEAN_FD dir = filled(w);
	WB_CLEAN_BLOB got = {};
	char stray[160];

	snprintf(stray, sizeof(stray), "%s/new", w->path);
	close(open(stray, O_CREAT | O_WRONLY, 0600));
	for (uint8_t n = 2; n <= WB_CACHE_FILES; n++)
		assert_int_equal(wb_cache_write(dir, key(n), whole(w)), 0);
	assert_int_equal(count(w), WB_CACHE_FILES);
	is_there(w, dir, 1);
	for (uint8_t n = 50; n < 52; n++) {
		assert_int_equal(wb_cache_write(dir, key(n), whole(w)), 0);
		assert_int_equal(count(w), WB_CACHE_FILES);
		is_there(w, dir, 1);
	}
	assert_int_equal(wb_cache_read(dir, key(2), SIZE, &got), -ENOENT);
	is_there(w, dir, 50);
	is_there(w, dir, 51);
}

static void bytes_are_bounded(void **state)
{
	const struct world *w = *state;
	WB_CLEAN_FD dir = filled(w);
	WB_CLEAN_BLOB got = {};
	struct wb_bytes large = whole(w);

	large.size = WB_CACHE_BYTES;
	assert_int_equal(wb_cache_write(dir, key(2), large), -EFBIG);
	is_there(w, dir, 1);
	/* The size of a file counts, not what it takes on the disk. */
	assert_int_equal(truncate(file(w, 1), WB_CACHE_BYTES - SIZE), 0);
	assert_int_equal(wb_cache_write(dir, key(2), whole(w)), 0);
	assert_int_equal(wb_cache_read(dir, key(1), SIZE, &got), -ENOENT);
	is_there(w, dir, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(gives_back_what_was_put),
		T(appends),
		T(damage_is_found),
		T(the_wrong_kernel_is_refused),
		T(others_files_are_removed),
		T(others_directories_are_refused),
		T(room_is_bounded),
		T(bytes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
