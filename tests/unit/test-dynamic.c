// SPDX-License-Identifier: LGPL-2.1-or-later
/* systemd/dynamic.c: numbers of users by DynamicUser=, as systemd 257 gave them. */
#include "systemd/dynamic.h"
#include "unit.h"

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(wb_dynamic_uid("t-dyn"), 63645);
	assert_int_equal(wb_dynamic_uid("dynamic-eight"), 63389);
	assert_int_equal(wb_dynamic_uid("eightchr"), 64607);
}

static void test_range(void **state)
{
	(void)state;
	assert_false(wb_is_dynamic(61183));
	assert_true(wb_is_dynamic(61184));
	assert_true(wb_is_dynamic(65519));
	assert_false(wb_is_dynamic(65520));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
