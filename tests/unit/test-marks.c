// SPDX-License-Identifier: LGPL-2.1-or-later
/* timeline/marks.c: marks, and the last instant of a shutdown. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "arch/arch.h"
#include "fake-files.h"
#include "timeline/lines.h"
#include "timeline/marks.h"

struct machine {
	uint64_t tsc;
	struct wb_blob marks; /* the bytes appended to WB_MARKS */
	uint8_t page0[4096];
	int full; /* answer -EFBIG once */
	int removed;
};

static uint64_t tsc(void *ctx)
{
	return ((struct machine *)ctx)->tsc += 100;
}

static uint64_t wall(void *ctx)
{
	return 1700000000000000000ull;
}

static uint64_t mono(void *ctx)
{
	return 5000;
}

static uint64_t boot(void *ctx)
{
	return 7000;
}

static int append_file(
	void *ctx, const char *path, struct wb_bytes contents, unsigned mode, uint64_t limit)
{
	struct machine *m = ctx;

	assert_string_equal(path, WB_MARKS);
	assert_int_equal(mode, 0600);
	if (m->full)
		return -EFBIG;
	return wb_blob_append(&m->marks, contents.data, contents.size);
}

static int remove_file(void *ctx, const char *path)
{
	struct machine *m = ctx;

	m->full = 0;
	m->removed++;
	return 0;
}

static int write_at(void *ctx, const char *path, uint64_t off, struct wb_bytes contents)
{
	assert_string_equal(path, "/dev/mem");
	memcpy(((struct machine *)ctx)->page0 + off, contents.data, contents.size);
	return 0;
}

static const struct fake_file proc[] = {{"/proc/sys/kernel/random/boot_id", "boot-a\n"}, {}};

static struct wb_sys machine(struct machine *m, const struct wb_files *files)
{
	return (struct wb_sys){.ctx = m,
		.files = files,
		.tsc = tsc,
		.wall_ns = wall,
		.mono_ns = mono,
		.boot_ns = boot,
		.append_file = append_file,
		.remove_file = remove_file,
		.write_at = write_at};
}

static void read_back(struct machine *m, struct wb_marks *ret)
{
	const struct fake_file disk[] = {
		{WB_MARKS, (const char *)m->marks.data, m->marks.size}, {}};
	struct wb_files files = fake_files(disk);

	assert_int_equal(wb_marks_read(&files, ret, NULL), 0);
}

static void a_mark_is_found_again(void **state)
{
	struct wb_files files = fake_files(proc);
	struct machine m = {.tsc = 1000};
	struct wb_sys sys = machine(&m, &files);
	WB_CLEAN_MARKS marks = {};
	const struct wb_mark *got;

	assert_int_equal(wb_mark(&sys, WB_MARK_REQUEST), 0);
	/* Cut off in the middle: the next one begins a line of its own. */
	wb_blob_append(&m.marks, "{\"sum\":\"01", 10);
	assert_int_equal(wb_mark_unit(&sys, WB_MARK_THAW_END, "a@b.service"), 0);
	read_back(&m, &marks);
	assert_int_equal(marks.n, 2);
	got = wb_marks_find(&marks, "boot-a", "thaw-end:a@b.service");
	assert_non_null(got);
	assert_int_equal(got->tsc, 1350);
	assert_int_equal(got->window, 100);
	assert_int_equal(got->mono_ns, 5000);
	assert_int_equal(got->boot_ns, 7000);
	assert_true(got->wall_ns == 1700000000000000000ll);
	assert_null(wb_marks_find(&marks, "boot-b", WB_MARK_REQUEST));
	assert_non_null(wb_marks_find(&marks, "boot-a", WB_MARK_REQUEST));
	wb_blob_deinit(&m.marks);
}

static void the_last_of_a_name_counts(void **state)
{
	struct wb_files files = fake_files(proc);
	struct machine m = {};
	struct wb_sys sys = machine(&m, &files);
	WB_CLEAN_MARKS marks = {};

	assert_int_equal(wb_mark(&sys, WB_MARK_REQUEST), 0);
	assert_int_equal(wb_mark(&sys, WB_MARK_REQUEST), 0);
	read_back(&m, &marks);
	assert_ptr_equal(wb_marks_find(&marks, "boot-a", WB_MARK_REQUEST), &marks.items[1]);
	wb_blob_deinit(&m.marks);
}

static void marks_do_not_grow_without_bound(void **state)
{
	struct wb_files files = fake_files(proc);
	struct machine m = {.full = 1};
	struct wb_sys sys = machine(&m, &files);

	assert_int_equal(wb_mark(&sys, WB_MARK_REQUEST), 0);
	assert_int_equal(m.removed, 1);
	assert_true(m.marks.size > 0);
	wb_blob_deinit(&m.marks);
}

static void a_table_without_clocks_is_no_harm(void **state)
{
	const struct wb_sys sys = {};

	assert_int_equal(wb_mark(&sys, WB_MARK_REQUEST), -EOPNOTSUPP);
}

static void nonsense_is_no_mark(void **state)
{
	static const char whole[] = "{\"mark\":\"a\",\"boot\":\"b\",\"tsc\":1,\"wall_ns\":2,"
				    "\"mono_ns\":3,\"boot_ns\":4,\"window\":5}";
	static const char no_name[] =
		"{\"mark\":1,\"boot\":\"b\",\"tsc\":1,\"wall_ns\":1,\"mono_ns\":1,"
		"\"boot_ns\":1,\"window\":1}";
	static const char *const bad[] = {"", "[]", "{}", "{\"mark\":\"a\"}", no_name};
	WB_CLEAN_STR text = NULL;
	char cut[sizeof(whole)];
	struct wb_mark m;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(wb_mark_parse(bad[i], &m), -EBADMSG);
	for (size_t n = 0; n < strlen(whole); n++) {
		snprintf(cut, n + 1, "%s", whole);
		assert_int_equal(wb_mark_parse(cut, &m), -EBADMSG);
	}
	assert_int_equal(wb_mark_parse(whole, &m), 0);
	assert_int_equal(m.window, 5);
	text = wb_mark_format(&m);
	assert_string_equal(text, whole);
}

static void the_last_instant_crosses(void **state)
{
	struct wb_files files = fake_files(proc);
	struct machine m = {.tsc = 41900};
	struct wb_sys sys = machine(&m, &files);
	struct fake_file mem[] = {{"/dev/mem", (const char *)m.page0, sizeof(m.page0)}, {}};
	struct wb_files next = fake_files(mem);

	assert_int_equal(wb_last_read(&next, "boot-a"), 0);
	assert_int_equal(wb_last_mark(&sys), 0);
	assert_int_equal(wb_last_read(&next, "boot-a"), 42000);
	/* A mark of an earlier boot, or a damaged one, is not taken. */
	assert_int_equal(wb_last_read(&next, "boot-b"), 0);
	m.page0[wb_arch_native()->stamp->offset] ^= 1;
	assert_int_equal(wb_last_read(&next, "boot-a"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_is_found_again),
		cmocka_unit_test(the_last_of_a_name_counts),
		cmocka_unit_test(marks_do_not_grow_without_bound),
		cmocka_unit_test(a_table_without_clocks_is_no_harm),
		cmocka_unit_test(nonsense_is_no_mark),
		cmocka_unit_test(the_last_instant_crosses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
