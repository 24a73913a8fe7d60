// SPDX-License-Identifier: LGPL-2.1-or-later
/* core/ranges.c: setting, cutting and fitting ranges. */
#include "unit.h"
#include "core/ranges.h"

static void set_overwrites_and_merges(void **state)
{
	WB_CLEAN_RANGES r = {};

	assert_int_equal(wb_ranges_set(&r, 0x1000, 0x9000, 1), 0);
	assert_int_equal(wb_ranges_set(&r, 0x3000, 0x1000, 2), 0);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.items[0].size, 0x2000);
	assert_int_equal(r.items[1].type, 2);
	assert_int_equal(r.items[2].start, 0x4000);
	assert_int_equal(wb_ranges_set(&r, 0x3000, 0x1000, 1), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(wb_ranges_set(&r, 0, 0x1000, 1), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.items[0].size, 0xa000);
	assert_int_equal(wb_ranges_set(&r, 0x20000, 0x1000, 1), 0);
	assert_int_equal(r.n, 2);
}

static void remove_cuts(void **state)
{
	WB_CLEAN_RANGES r = {};

	assert_int_equal(wb_ranges_set(&r, 0, 0x10000, 1), 0);
	assert_int_equal(wb_ranges_remove(&r, 0x4000, 0x1000), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(wb_ranges_remove(&r, 0, 0x100000), 0);
	assert_int_equal(r.n, 0);
	assert_int_equal(wb_ranges_remove(&r, 0, 0), -EINVAL);
	assert_int_equal(wb_ranges_set(&r, UINT64_MAX, 2, 1), -EINVAL);
}

static void fit_obeys_bounds(void **state)
{
	WB_CLEAN_RANGES r = {};
	struct wb_fit want = {.size = 0x2000, .align = 0x1000, .max = UINT64_MAX, .type = 1};
	uint64_t at = 0;

	wb_ranges_set(&r, 0x1800, 0x3800, 1); /* up to 0x5000 */
	wb_ranges_set(&r, 0x8000, 0x2000, 2);
	wb_ranges_set(&r, 0x10000, 0x8000, 1);
	assert_int_equal(wb_ranges_fit(&r, &want, &at), 0);
	assert_int_equal(at, 0x2000);
	assert_int_equal(wb_ranges_slots(&r, &want), 2 + 7);
	assert_int_equal(wb_ranges_slot(&r, &want, 2, &at), 0);
	assert_int_equal(at, 0x10000);
	assert_int_equal(wb_ranges_slot(&r, &want, 9, &at), -ENOSPC);
	want.top_down = 1;
	assert_int_equal(wb_ranges_fit(&r, &want, &at), 0);
	assert_int_equal(at, 0x16000);
	want.max = 0x4fff;
	assert_int_equal(wb_ranges_fit(&r, &want, &at), 0);
	assert_int_equal(at, 0x3000);
	want.size = 0x4000;
	assert_int_equal(wb_ranges_fit(&r, &want, &at), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_overwrites_and_merges),
		cmocka_unit_test(remove_cuts),
		cmocka_unit_test(fit_obeys_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
