// SPDX-License-Identifier: LGPL-2.1-or-later
/* timeline/lines.c: files of lines with checksums, also damaged ones. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "fake-files.h"
#include "timeline/lines.h"

/* A file in memory behind the two calls that lines.c makes. */
struct disk {
	struct wb_blob now;
	int writes, error;
};

static int disk_read_at(void *ctx, const char *path, uint64_t off, size_t n, struct wb_blob *ret,
	struct wb_error *err)
{
	struct disk *d = ctx;

	if (!d->now.data)
		return -ENOENT;
	assert_int_equal(off, 0);
	assert_int_equal(wb_blob_append(ret, d->now.data, d->now.size), 0);
	return 0;
}

static int disk_write(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	struct disk *d = ctx;

	assert_int_equal(mode, 0600);
	d->writes++;
	if (d->error)
		return d->error;
	d->now.size = 0;
	return wb_blob_append(&d->now, contents.data, contents.size);
}

static struct wb_files disk_files(struct disk *d)
{
	return (struct wb_files){.ctx = d, .read_at = disk_read_at};
}

static struct wb_sys disk_sys(struct disk *d, const struct wb_files *files)
{
	return (struct wb_sys){.ctx = d, .files = files, .write_file = disk_write};
}

static void a_line_comes_back(void **state)
{
	WB_CLEAN_STRV got = {};
	WB_CLEAN_STR line = NULL;
	size_t damaged = 9;

	assert_int_equal(wb_line_format("{\"a\":1}", &line), 0);
	assert_int_equal(wb_lines_parse(line, strlen(line), &got, &damaged), 0);
	assert_int_equal(damaged, 0);
	assert_int_equal(got.n, 1);
	assert_string_equal(got.items[0], "{\"a\":1}");
}

/* A changed or missing byte makes one line be left out, and not its neighbours. */
static void damage_costs_one_line(void **state)
{
	WB_CLEAN_STR one = NULL;
	WB_CLEAN_STR two = NULL;
	WB_CLEAN_STR three = NULL;
	char text[512];
	size_t begin, n;

	assert_int_equal(wb_line_format("{\"n\":1}", &one), 0);
	assert_int_equal(wb_line_format("{\"n\":2}", &two), 0);
	assert_int_equal(wb_line_format("{\"n\":3}", &three), 0);
	n = (size_t)snprintf(text, sizeof(text), "%s%s%s", one, two, three);
	begin = strlen(one);
	for (size_t i = 0; i < strlen(two) - 1; i++) {
		WB_CLEAN_STRV got = {};
		size_t damaged;

		text[begin + i] ^= 1;
		assert_int_equal(wb_lines_parse(text, n, &got, &damaged), 0);
		assert_int_equal(got.n, 2);
		assert_true(damaged >= 1);
		assert_string_equal(got.items[0], "{\"n\":1}");
		assert_string_equal(got.items[1], "{\"n\":3}");
		text[begin + i] ^= 1;
	}
	for (size_t cut = 1; cut < strlen(three); cut++) {
		WB_CLEAN_STRV got = {};
		size_t damaged;

		assert_int_equal(wb_lines_parse(text, n - cut, &got, &damaged), 0);
		/* A last line that only lacks its newline is whole. */
		assert_int_equal(got.n, cut == 1 ? 3 : 2);
	}
}

static void a_file_that_grew_too_long_loses_its_oldest(void **state)
{
	const struct wb_lines_limits few = {3, 1 << 20}, small = {100, 100};
	struct disk d = {};
	struct wb_files files = disk_files(&d);
	struct wb_sys sys = disk_sys(&d, &files);
	WB_CLEAN_STRV got = {}, left = {};
	char payload[32];
	size_t damaged;

	for (int i = 0; i < 5; i++) {
		snprintf(payload, sizeof(payload), "{\"n\":%d}", i);
		assert_int_equal(wb_lines_add(&sys, "/h", payload, &few, NULL), 0);
	}
	assert_int_equal(wb_lines_read(&files, "/h", &got, &damaged, NULL), 0);
	assert_int_equal(got.n, 3);
	assert_string_equal(got.items[0], "{\"n\":2}");
	assert_string_equal(got.items[2], "{\"n\":4}");
	assert_int_equal(wb_lines_add(&sys, "/h", "{\"n\":5}", &small, NULL), 0);
	assert_true(d.now.size <= 100);
	assert_int_equal(wb_lines_read(&files, "/h", &left, &damaged, NULL), 0);
	assert_int_equal(left.n, 2);
	assert_string_equal(left.items[1], "{\"n\":5}");
	wb_blob_deinit(&d.now);
}

static void a_damaged_file_is_mended_by_the_next_line(void **state)
{
	const struct wb_lines_limits limits = {200, 1 << 20};
	struct disk d = {};
	struct wb_files files = disk_files(&d);
	struct wb_sys sys = disk_sys(&d, &files);
	WB_CLEAN_STRV got = {};
	size_t damaged;

	assert_int_equal(wb_blob_append(&d.now, "\0\0\0{half a li", 14), 0);
	assert_int_equal(wb_lines_add(&sys, "/h", "{}", &limits, NULL), 0);
	assert_int_equal(wb_lines_read(&files, "/h", &got, &damaged, NULL), 0);
	assert_int_equal(damaged, 0);
	assert_int_equal(got.n, 1);
	wb_blob_deinit(&d.now);
}

static void a_full_disk_is_told(void **state)
{
	const struct wb_lines_limits limits = {200, 1 << 20};
	struct disk d = {.error = -ENOSPC};
	struct wb_files files = disk_files(&d);
	struct wb_sys sys = disk_sys(&d, &files);
	struct wb_error err = {};

	assert_int_equal(wb_lines_add(&sys, "/h", "{}", &limits, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "/h"));
	assert_int_equal(d.writes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_comes_back),
		cmocka_unit_test(damage_costs_one_line),
		cmocka_unit_test(a_file_that_grew_too_long_loses_its_oldest),
		cmocka_unit_test(a_damaged_file_is_mended_by_the_next_line),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
