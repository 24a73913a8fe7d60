// SPDX-License-Identifier: LGPL-2.1-or-later
/* core/mountinfo.c: parsing mounts, and walking along a path. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "core/mountinfo.h"
#include "core/mounts.h"
#include "core/strv.h"

static void reads_every_field(void **state)
{
	static const char text[] =
		"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
		"36 22 0:31 /a\\040b /mnt/c\\011d\\012e\\134f ro,nosuid shared:2 master:1 "
		"propagate_from:3 unbindable - fuse.x\\040y so\\043urce rw,subvol=/a\\054b,x\n"
		"\n"
		"37 22 0:32 / /t rw - tmpfs  rw,size=4k";
	WB_CLEAN_MOUNTS m = {};
	WB_CLEAN_STR value = NULL;
	WB_CLEAN_STR bare = NULL;
	const struct wb_mount *i;

	assert_int_equal(wb_mounts_parse(text, &m), 0);
	assert_int_equal(m.n, 3);
	i = &m.items[0];
	assert_int_equal(i->id, 22);
	assert_int_equal(i->parent, 1);
	assert_int_equal(i->major, 254);
	assert_int_equal(i->minor, 1);
	assert_string_equal(i->root, "/");
	assert_string_equal(i->options, "rw,relatime");
	assert_string_equal(i->source, "/dev/vda1");
	i = &m.items[1];
	assert_string_equal(i->root, "/a b");
	assert_string_equal(i->point, "/mnt/c\td\ne\\f");
	assert_string_equal(i->fstype, "fuse.x y");
	assert_string_equal(i->source, "so#urce");
	assert_string_equal(i->super_options, "rw,subvol=/a\\054b,x");
	/* A comma in a value does not end it. */
	assert_int_equal(wb_mount_option(i, "subvol", &value), 0);
	assert_string_equal(value, "/a,b");
	assert_int_equal(wb_mount_option(i, "x", &bare), 0);
	assert_string_equal(bare, "");
	assert_int_equal(wb_mount_option(i, "sub", &value), -ENOENT);
	/* mount("", "/t", "tmpfs") leaves two blanks. */
	i = &m.items[2];
	assert_string_equal(i->fstype, "tmpfs");
	assert_string_equal(i->source, "");
	assert_string_equal(i->super_options, "rw,size=4k");
}

static void a_dash_in_a_name_is_no_separator(void **state)
{
	static const char text[] =
		"22 1 254:1 /x\\040-\\040y /-\\040-\\040tmpfs rw - - ext4 /dev/- rw\n"
		"23 1 254:1 / /- rw a-b --x - ext4 - rw\n";
	WB_CLEAN_MOUNTS m = {};

	assert_int_equal(wb_mounts_parse(text, &m), 0);
	assert_string_equal(m.items[0].root, "/x - y");
	assert_string_equal(m.items[0].point, "/- - tmpfs");
	/* The first field that is "-" ends the optional ones. */
	assert_string_equal(m.items[0].fstype, "-");
	assert_string_equal(m.items[0].source, "ext4");
	assert_string_equal(m.items[1].point, "/-");
	assert_string_equal(m.items[1].source, "-");
}

static void a_line_that_is_not_understood_is_an_error(void **state)
{
	static const char *const bad[] = {
		"x",
		"1 0 8:1 / / rw",
		"1 0 8:1 / / rw -",
		"1 0 8:1 / / rw - ext4",
		"1 0 8:1 / / rw - ext4 /dev/a",
		"1 0 8 / / rw - ext4 /dev/a rw",
		"1 0 8: / / rw - ext4 /dev/a rw",
		"1 0 8:-1 / / rw - ext4 /dev/a rw",
		"-1 0 8:1 / / rw - ext4 /dev/a rw",
		"99999999999999999999 0 8:1 / / rw - ext4 /dev/a rw",
		"1  8:1 / / rw - ext4 /dev/a rw",
		"1 0 8:1 / / rw --- ext4 /dev/a rw",
	};
	struct wb_mounts m = {.n = 7};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[200];

		snprintf(text, sizeof(text), "5 4 0:1 / /y rw - tmpfs t rw\n%s\n", bad[i]);
		assert_int_equal(wb_mounts_parse(text, &m), -EBADMSG);
		assert_int_equal(m.n, 7);
	}
}

/* A service can make a path of 4 KiB of blanks, which has 16 KiB here, and it can make many. */
static void nothing_is_cut(void **state)
{
	size_t long_name = 4000, n = 2000, size = 0;
	WB_CLEAN_MOUNTS m = {};
	WB_CLEAN_STR text = malloc(4 * long_name + n * 64 + 100);

	size += (size_t)sprintf(text, "7 1 0:1 / /");
	for (size_t i = 0; i < long_name; i++)
		size += (size_t)sprintf(text + size, "\\040");
	size += (size_t)sprintf(text + size, " rw - ext4 /dev/long rw\n");
	for (size_t i = 0; i < n; i++)
		size += (size_t)sprintf(
			text + size, "%zu 7 0:2 / /m%zu rw - tmpfs t rw\n", i + 8, i);
	assert_int_equal(wb_mounts_parse(text, &m), 0);
	assert_int_equal(m.n, n + 1);
	assert_int_equal(strlen(m.items[0].point), long_name + 1);
	assert_string_equal(m.items[0].source, "/dev/long");
	assert_string_equal(m.items[n].point, "/m1999");
}

static void assert_at(const char *text, const char *path, int64_t id)
{
	WB_CLEAN_MOUNTS m = {};
	const struct wb_mount *at;

	assert_int_equal(wb_mounts_parse(text, &m), 0);
	at = wb_mounts_at(&m, path);
	assert_int_equal(at ? at->id : -1, id);
}

static void a_path_leads_to_the_mount_that_a_walk_meets(void **state)
{
	static const char text[] = "30 22 0:5 / /a/b rw - tmpfs t rw\n"
				   "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
				   "31 22 0:6 / /a rw - tmpfs t rw\n"
				   "32 31 0:7 / /a rw - tmpfs t rw\n"
				   "33 32 0:8 / /a/c\\040d rw - tmpfs t rw\n"
				   "34 22 0:9 / /ab rw - tmpfs t rw\n";

	assert_at(text, "/", 22);
	assert_at(text, "/x/a", 22);
	assert_at(text, "/abc", 22);
	assert_at(text, "/ab", 34);
	assert_at(text, "/a", 32);
	/* 31 was mounted upon /a later: nothing leads to 30 any more. */
	assert_at(text, "/a/b/x", 32);
	assert_at(text, "/a/c d", 33);
	assert_at(text, "/a/c d/e", 33);
	assert_at(text, "/a/c", 32);
	/* A root over the root, and a root that is no mount point (chroot). */
	assert_at("1 1 0:1 / / rw - rootfs r rw\n2 1 0:2 / / rw - ext4 x rw\n"
		  "3 2 0:3 / /p rw - proc p rw\n4 1 0:3 / /p rw - proc p rw\n",
		"/p/1", 3);
	assert_at("5 4 0:1 / /p rw - proc p rw\n", "/p", 5);
	assert_at("5 4 0:1 / /p rw - proc p rw\n", "/", -1);
	/* Mounts on each other are nowhere. */
	assert_at("5 6 0:1 / / rw - proc p rw\n6 5 0:1 / / rw - proc p rw\n", "/", -1);
}

static bool is_tmpfs(const struct wb_mount *m)
{
	return !strcmp(m->fstype, "tmpfs");
}

static void units_of_mounts_have_their_names_from_the_paths(void **state)
{
	size_t n = 0;
	WB_CLEAN_MOUNTS m = {};
	WB_CLEAN_STRV units = {};
	char text[8192];

	n += (size_t)sprintf(text, "22 1 254:1 / / rw - tmpfs t rw\n"
				   "23 22 0:5 / /srv/a\\040-\\040b rw - tmpfs t rw\n"
				   "24 22 0:5 / /.x/y rw - tmpfs t rw\n"
				   "25 22 0:5 / /");
	/* More than the 4,095 bytes that a line had. */
	memset(text + n, 'l', 4090);
	sprintf(text + n + 4090, " rw - tmpfs t rw\n26 22 0:5 / /end rw - tmpfs t rw\n");
	assert_int_equal(wb_mounts_parse(text, &m), 0);
	assert_int_equal(wb_mount_units(&m, is_tmpfs, &units), 0);
	assert_int_equal(units.n, 4);
	assert_string_equal(units.items[0], "-.mount");
	assert_string_equal(units.items[1], "srv-a\\x20\\x2d\\x20b.mount");
	assert_string_equal(units.items[2], "\\x2ex-y.mount");
	assert_string_equal(units.items[3], "end.mount");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_field),
		cmocka_unit_test(a_dash_in_a_name_is_no_separator),
		cmocka_unit_test(a_line_that_is_not_understood_is_an_error),
		cmocka_unit_test(nothing_is_cut),
		cmocka_unit_test(a_path_leads_to_the_mount_that_a_walk_meets),
		cmocka_unit_test(units_of_mounts_have_their_names_from_the_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
