// SPDX-License-Identifier: LGPL-2.1-or-later
/* Texts of /proc about processes with misleading names. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "core/strv.h"
#include "fake-files.h"
#include "proc/proc.h"

#define ROOT "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"

static int read_with(const char *stat, const char *mountinfo, const char *tcp, struct wb_proc *ret)
{
	const struct fake_file disk[] = {
		{"/proc/7/stat", stat},
		{"/proc/7/status", "Name:\tx\nThreads:\t1\n"},
		{"/proc/7/mountinfo", mountinfo},
		{"/proc/7/maps", ""},
		{"/proc/7/fd/0", .link = "/dev/null"},
		{"/proc/7/net/tcp6", tcp ? tcp : ""},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_SOCKETS sockets = {};
	int r = wb_proc_read(&files, 7, ret, NULL);

	if (r == 0 && tcp)
		assert_int_equal(wb_sockets_read(&files, 7, &sockets, NULL), 0);
	if (tcp)
		assert_int_equal(sockets.n, 1);
	return r;
}

/* 1,500 backslashes are "\134" 1,500 times: cut at 4,095 bytes, the last of them is "\1". */
static void a_path_of_backslashes_is_read_whole(void **state)
{
	struct wb_proc p = {};
	WB_CLEAN_STR text = malloc(8000);
	size_t n = (size_t)sprintf(text, ROOT "30 22 0:5 / /");

	for (size_t i = 0; i < 1500; i++)
		n += (size_t)sprintf(text + n, "\\134");
	sprintf(text + n, " rw - tmpfs t rw\n");
	assert_int_equal(read_with("7 (x) S 1 7 7 0 -1", text, NULL, &p), 0);
	assert_int_equal(p.mounts.n, 2);
	assert_int_equal(strlen(p.mounts.items[1].point), 1501);
	assert_int_equal(strspn(p.mounts.items[1].point + 1, "\\"), 1500);
	assert_string_equal(p.mounts.items[1].fstype, "tmpfs");
	wb_proc_deinit(&p);
}

/* A file system's type may be chosen, too: "-" as FUSE's subtype, blanks as \040. */
static void a_separator_in_a_name_is_none(void **state)
{
	struct wb_proc p = {};

	assert_int_equal(read_with("7 (a) R 9 (b) S 1 7 7 0 -1",
				 ROOT "30 22 0:5 /a\\040-\\040b /x\\040-\\040tmpfs rw shared:1 - "
				      "fuse.-\\040tmpfs - rw\n",
				 NULL, &p),
		0);
	assert_string_equal(p.name, "a) R 9 (b");
	assert_int_equal(p.parent, 1);
	assert_string_equal(p.mounts.items[1].point, "/x - tmpfs");
	assert_string_equal(p.mounts.items[1].fstype, "fuse.- tmpfs");
	wb_proc_deinit(&p);
	/* An unknown text is not mistaken for another kind. */
	assert_int_equal(
		read_with("7 (x) S 1 7 7 0 -1", ROOT "30 22 0:5 / /x rw -tmpfs t rw\n", NULL, &p),
		-EBADMSG);
}

static void lines_of_sockets_are_read_field_by_field(void **state)
{
	static const char tcp[] =
		"  sl  local_address remote_address st tx_queue rx_queue tr tm->when\n"
		/* A line without a colon, and one with a port that is no number. */
		"   1: 000000000000000000000000010000000016 0:0 0A 0:0 0:0 0 0 0 4 1\n"
		"   2: 00000000000000000000000001000000:10016 0:0 0A 0:0 0:0 0 0 0 4 1\n"
		"   3: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 "
		"0A "
		"00000000:00000000 00:00000000 00000000     0        0 5 1\n";
	struct wb_proc p = {};

	assert_int_equal(read_with("7 (x) S 1 7 7 0 -1", ROOT, tcp, &p), 0);
	wb_proc_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_of_backslashes_is_read_whole),
		cmocka_unit_test(a_separator_in_a_name_is_none),
		cmocka_unit_test(lines_of_sockets_are_read_field_by_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
