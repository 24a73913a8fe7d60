// SPDX-License-Identifier: LGPL-2.1-or-later
/* criu/areas.c: memory that a child finds empty, and the signal at a parent's death. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "criu/areas.h"
#include "fake-files.h"
#include "sys/sys.h"
#include "unit.h"

static const struct fake_file tree[] = {
	{"/proc/12/smaps", "1000-3000 rw-p 00000000 00:00 0 \n"
			   "Size:   8 kB\n"
			   "VmFlags: rd wr mr mw me ac sd \n"
			   "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
			   "VmFlags: rd wr mr mw me nr wf dd dp\n"
			   "7f0000002000-7f0000004000 rw-p 00000000 00:00 0   [anon: wf dp]\n"
			   "VmFlags: rd wr mr mw me wf sd \n"},
	{},
};

static void test_note(void **state)
{
	const struct wb_files files = fake_files(tree);
	WB_CLEAN_CRIU_IMAGE image = {};

	(void)state;
	assert_int_equal(wb_areas_note(&files, 12, &image), 0);
	assert_int_equal(wb_areas_note(&files, 13, &image), 0);
	assert_int_equal(image.areas.n, 2);
	assert_int_equal(image.areas.items[0].pid, 12);
	assert_int_equal(image.areas.items[0].start, 0x7f0000000000);
	assert_int_equal(image.areas.items[0].end, 0x7f0000001000);
	assert_true(image.areas.items[0].droppable);
	assert_int_equal(image.areas.items[1].start, 0x7f0000002000);
	assert_false(image.areas.items[1].droppable);
}

/* A kernel's own words for such memory. */
static void test_kernel(void **state)
{
	WB_CLEAN_CRIU_IMAGE image = {};
	char *wiped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool found = false;

	(void)state;
	assert_int_equal(madvise(wiped, 4096, MADV_WIPEONFORK), 0);
	assert_int_equal(wb_areas_note(wb_sys_real()->files, getpid(), &image), 0);
	for (size_t i = 0; i < image.areas.n; i++)
		found |= image.areas.items[i].start <= (int64_t)(uintptr_t)wiped &&
			 image.areas.items[i].end >= (int64_t)(uintptr_t)wiped + 4096 &&
			 !image.areas.items[i].droppable;
	assert_true(found);
	munmap(wiped, 8192);
}

/* ---- the images; each with fields that stay ---- */

#define MM "\x19\x43\x56\x54\x20\x28\x49\x57"
#define CORE "\x19\x43\x56\x54\x47\x38\x05\x55"
/* start 4096 (or 8192), end 8192 (or 12288), pgoff 0, flags MAP_PRIVATE | MAP_ANONYMOUS, fd -1 */
#define VMA(start, end) "\x72\x0e\x08\x80" start "\x10\x80" end "\x18\x00\x30\x22\x40\x01\x50\x07"

static struct wb_bytes bytes(const void *p, size_t n)
{
	return (struct wb_bytes){p, n};
}

static const char mm[] = MM "\x24\0\0\0"
			    "\x08\x05" VMA("\x20", "\x40") VMA("\x40", "\x60") "\x78\x01";

static void expect_mm(const struct wb_criu_image *of, bool droppable, const char *want, size_t n)
{
	WB_CLEAN_BLOB got = {};

	assert_true(wb_areas_changes("mm-12.img", of));
	assert_int_equal(
		wb_areas_change("mm-12.img", bytes(mm, sizeof(mm) - 1), of, droppable, &got), 1);
	assert_int_equal(got.size, n);
	assert_memory_equal(got.data, want, n);
}

static void test_memory(void **state)
{
	static const char dropped[] =
		MM "\x28\0\0\0"
		   "\x08\x05" VMA("\x20", "\x40") "\x72\x12\x08\x80\x40\x10\x80\x60\x18\x00\x40\x01"
						  "\x50\x07\x30\x28\x48\x80\x80\x10"
						  "\x78\x01";
	static const char wiped[] =
		MM "\x28\0\0\0"
		   "\x08\x05" VMA("\x20", "\x40") "\x72\x12\x08\x80\x40\x10\x80\x60\x18\x00\x40\x01"
						  "\x50\x07\x30\x22\x48\x80\x80\x10"
						  "\x78\x01";
	struct wb_criu_area areas[] = {{12, 8192, 12288, true}, {13, 4096, 8192, false}};
	struct wb_criu_image of = {.main_pid = 12, .areas = {areas, 2}};
	WB_CLEAN_BLOB none = {};

	(void)state;
	expect_mm(&of, true, dropped, sizeof(dropped) - 1);
	expect_mm(&of, false, wiped, sizeof(wiped) - 1);
	areas[0].droppable = false;
	expect_mm(&of, true, wiped, sizeof(wiped) - 1);
	/* One that CRIU has not written is not forgotten. */
	areas[0].end = 8193;
	assert_int_equal(wb_areas_change("mm-12.img", bytes(mm, sizeof(mm) - 1), &of, true, &none),
		-EBADMSG);
	areas[0].end = 12288;
	for (size_t n = 0; n < sizeof(mm) - 1; n++)
		assert_int_equal(
			wb_areas_change("mm-12.img", bytes(mm, n), &of, true, &none), -EBADMSG);
	assert_false(wb_areas_changes("mm-14.img", &of));
	assert_false(wb_areas_changes("mm-12.img.x", &of));
	assert_int_equal(wb_areas_change("pages-1.img", bytes(mm, 3), &of, true, &none), 0);
}

static void test_death_signal(void **state)
{
	/* core_entry: mtype 1, thread_core { sas 0, pdeath_sig 15, comm "a" } */
	static const char core[] = CORE "\x0b\0\0\0\x08\x01\x2a\x07\x08\x02\x40\x0f\x52\x01"
					"a";
	static const char want[] = CORE "\x09\0\0\0\x08\x01\x2a\x05\x08\x02\x52\x01"
					"a";
	const struct wb_criu_image of = {.main_pid = 12};
	WB_CLEAN_BLOB got = {};

	(void)state;
	assert_int_equal(
		wb_areas_change("core-12.img", bytes(core, sizeof(core) - 1), &of, true, &got), 1);
	assert_int_equal(got.size, sizeof(want) - 1);
	assert_memory_equal(got.data, want, sizeof(want) - 1);
	/* A child's parent is there. */
	assert_false(wb_areas_changes("core-13.img", &of));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_death_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
