// SPDX-License-Identifier: LGPL-2.1-or-later
/* The fake struct wb_files itself. */
#include "unit.h"
#include "fake-files.h"

static const struct fake_file disk[] = {
	{"/etc/os-release", "ID=debian\n"},
	{"/boot/a/one", "1"},
	{"/boot/a/two", "22\0002", 4},
	{"/boot/empty"},
	{"/boot/secret", "x", .error = -EACCES},
	{"/vmlinuz", .link = "boot/a/one"},
	{"/boot/b", .link = "a"},
	{"/loop", .link = "loop"},
	{},
};

static void reads_and_follows(void **state)
{
	struct wb_files f = fake_files(disk);
	WB_CLEAN_BLOB a = {}, b = {}, c = {};
	WB_CLEAN_STR link = NULL;
	struct wb_error err = {};

	assert_int_equal(f.read(f.ctx, "/vmlinuz", 0, &a, &err), 0);
	assert_string_equal((char *)a.data, "1");
	assert_int_equal(f.read(f.ctx, "/boot/b/two", 4, &b, &err), 0);
	assert_int_equal(b.size, 4);
	assert_int_equal(f.read_at(f.ctx, "/etc/os-release", 3, 100, &c, &err), 0);
	assert_string_equal((char *)c.data, "debian\n");
	assert_int_equal(f.readlink(f.ctx, "/vmlinuz", &link, &err), 0);
	assert_string_equal(link, "boot/a/one");
}

static void fails_as_told(void **state)
{
	struct wb_files f = fake_files(disk);
	WB_CLEAN_BLOB a = {};
	WB_CLEAN_STRV v = {};
	WB_CLEAN_STR link = NULL;
	struct wb_error err = {};

	assert_int_equal(f.read(f.ctx, "/boot/secret", 0, &a, &err), -EACCES);
	assert_non_null(strstr(err.text, "/boot/secret"));
	assert_int_equal(f.read(f.ctx, "/boot/a/two", 3, &a, &err), -EFBIG);
	assert_int_equal(f.read(f.ctx, "/boot", 0, &a, &err), -EISDIR);
	assert_int_equal(f.read(f.ctx, "/nowhere", 0, &a, &err), -ENOENT);
	assert_int_equal(f.read(f.ctx, "/loop", 0, &a, &err), -ELOOP);
	assert_int_equal(f.list(f.ctx, "/boot/a/one", &v, &err), -ENOTDIR);
	assert_int_equal(f.readlink(f.ctx, "/boot/a", &link, &err), -EINVAL);
	assert_null(a.data);
}

static void lists_sorted(void **state)
{
	struct wb_files f = fake_files(disk);
	WB_CLEAN_STRV v = {}, w = {};
	struct wb_error err = {};

	assert_int_equal(f.list(f.ctx, "/boot", &v, &err), 0);
	assert_int_equal(v.n, 4);
	assert_string_equal(v.items[0], "a");
	assert_string_equal(v.items[3], "secret");
	assert_int_equal(f.list(f.ctx, "/boot/b/", &w, &err), 0);
	assert_int_equal(w.n, 2);
	assert_true(f.exists(f.ctx, "/boot/empty"));
	assert_true(f.exists(f.ctx, "/etc"));
	assert_false(f.exists(f.ctx, "/etc/passwd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_follows),
		cmocka_unit_test(fails_as_told),
		cmocka_unit_test(lists_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
