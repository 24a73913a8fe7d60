// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files of a kept unit, from a store that crossed a jump, onto the real file system. */
#define _GNU_SOURCE
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-store.h"
#include "keep/revive.h"
#include "unit.h"

struct fixture {
	struct fake_store machine;
	struct wb_store *store;
	char dir[64];
	char text[8192];
};

static int setup(void **state)
{
	static struct fixture f;
	struct wb_error err = {};

	f = (struct fixture){};
	fake_store_init(&f.machine);
	snprintf(f.dir, sizeof(f.dir), "/tmp/wb-test.XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	if (wb_store_create(&f.machine.env, "carve", 1 << 20, &f.store, &err) < 0)
		fail_msg("%s", err.text);
	*state = &f;
	return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->dir, drop, 8, FTW_DEPTH | FTW_PHYS);
	wb_store_close(f->store);
	fake_store_deinit(&f->machine);
	return 0;
}

static void put(struct fixture *f, const char *name, const char *contents)
{
	struct wb_error err = {};

	if (wb_store_put(f->store, name, wb_text(contents), &err) < 0)
		fail_msg("%s", err.text);
}

static void cross(struct fixture *f)
{
	struct wb_error err = {};

	assert_int_equal(wb_store_seal(f->store, &err), 0);
	fake_store_jump(&f->machine, wb_store_load(f->store));
	wb_store_close(f->store);
	f->store = NULL;
	if (wb_store_attach(&f->machine.env, &f->store, &err) < 0)
		fail_msg("%s", err.text);
}

/* A path below the test's own directory, in storage of the fixture. */
static char *path(struct fixture *f, const char *below)
{
	size_t have = 0;
	char *p;

	while (f->text[have])
		have += strlen(f->text + have) + 1;
	p = f->text + have;
	snprintf(p, sizeof(f->text) - have - 1, "%s/%s", f->dir, below);
	return p;
}

static void reads(const char *at, const char *want)
{
	char text[64] = "";
	FILE *file = fopen(at, "r");

	if (!file)
		fail_msg("no %s", at);
	assert_true(fread(text, 1, sizeof(text) - 1, file) == strlen(want));
	fclose(file);
	assert_string_equal(text, want);
}

#define ME .uid = (int64_t)getuid(), .gid = (int64_t)getgid()

static void test_put_back(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "run/foo"), .mode = 0750, ME, .directory = true},
		{.path = path(f, "run/foo/pid"),
			.mode = 0640,
			ME,
			.mtime_ns = 1500000000000000000,
			.object = "foo/file/0"},
		{.path = path(f, "run/foo/empty"), .mode = 0600, ME, .mtime_ns = -1500000000},
		{.path = path(f, "run/foo/link"), .mode = 0777, ME, .target = "pid"},
		{.path = path(f, "run/foo/again"),
			.mode = 0640,
			ME,
			.link = path(f, "run/foo/pid")},
		{.path = path(f, "run/foo/fifo"), .mode = 0620, ME, .fifo = true},
		{.path = path(f, "deep/er/than/that"), .mode = 0600, ME, .object = "foo/file/1"},
	};
	const struct wb_manifest_unit u = {.unit = "foo.service", .files = {files, 7}};
	struct wb_error err = {};
	char target[64] = "";
	struct stat st;

	put(f, "foo/file/0", "4711\n");
	put(f, "foo/file/1", "deep");
	cross(f);
	/* One that is there already gives way. */
	assert_int_equal(mkdir(path(f, "run"), 0755), 0);
	assert_int_equal(mkdir(files[0].path, 0700), 0);
	assert_int_equal(symlink("/nowhere", files[3].path), 0);
	if (wb_revive_files(f->store, &u, -1, &err) < 0)
		fail_msg("%s", err.text);
	reads(files[1].path, "4711\n");
	reads(files[2].path, "");
	reads(files[4].path, "4711\n");
	reads(files[6].path, "deep");
	assert_int_equal(stat(files[5].path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0620);
	assert_int_equal(stat(files[0].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(stat(files[1].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_mtim.tv_sec, 1500000000);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(stat(files[2].path, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	assert_int_equal(stat(files[6].path, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 0);
	assert_true(readlink(files[3].path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "pid");
}

/* Another unit that is back may have it mapped: the same file, and not a byte of the old one more. */
static void test_replaced_in_place(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "shm/full"), .mode = 0600, ME, .object = "foo/file/0"},
		{.path = path(f, "shm/empty"), .mode = 0600, ME},
	};
	const struct wb_manifest_unit u = {.unit = "foo.service", .files = {files, 2}};
	struct stat before[2], after;
	struct wb_error err = {};

	put(f, "foo/file/0", "new");
	cross(f);
	assert_int_equal(mkdir(path(f, "shm"), 0755), 0);
	for (int i = 0; i < 2; i++) {
		FILE *file = fopen(files[i].path, "w");

		assert_non_null(file);
		assert_true(fputs("what was there", file) >= 0);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(stat(files[i].path, &before[i]), 0);
	}
	if (wb_revive_files(f->store, &u, -1, &err) < 0)
		fail_msg("%s", err.text);
	reads(files[0].path, "new");
	reads(files[1].path, "");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stat(files[i].path, &after), 0);
		assert_int_equal(after.st_ino, before[i].st_ino);
	}
}

static void test_no_links(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "way/pid"), .mode = 0600, ME, .object = "foo/file/0"},
		{.path = path(f, "pid"), .mode = 0600, ME, .object = "foo/file/0"},
	};
	struct wb_manifest_unit u = {.unit = "foo.service", .files = {files, 1}};
	struct wb_error err = {};

	put(f, "foo/file/0", "x");
	cross(f);
	/* Root must not be led elsewhere by whoever owns a directory on the way. */
	assert_int_equal(mkdir(path(f, "real"), 0755), 0);
	assert_int_equal(symlink("real", path(f, "way")), 0);
	assert_true(wb_revive_files(f->store, &u, -1, &err) < 0);
	assert_non_null(strstr(err.text, "/way/pid back: "));
	assert_int_not_equal(access(path(f, "real/pid"), F_OK), 0);
	u.files.items = &files[1];
	assert_int_equal(symlink("elsewhere", files[1].path), 0);
	assert_int_equal(wb_revive_files(f->store, &u, -1, &err), -ELOOP);
	assert_int_not_equal(access(path(f, "elsewhere"), F_OK), 0);
}

static void test_lost(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file file = {
		.path = path(f, "pid"), .mode = 0600, ME, .object = "foo/file/7"};
	const struct wb_manifest_unit u = {.unit = "foo.service", .files = {&file, 1}};
	struct wb_error err = {};

	put(f, "foo/file/0", "x");
	cross(f);
	assert_int_equal(wb_revive_files(f->store, &u, -1, &err), -ENOENT);
	assert_non_null(strstr(err.text, "foo/file/7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
