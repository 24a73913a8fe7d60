// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "keep/spare.h"
#include "unit.h"

static void slices_are_spared_too(void **state)
{
	static const struct {
		const char *unit, *cgroup;
	} units[] = {
		{"a.service", "/system.slice/a.service"},
		{"web@1.service", "/system.slice/system-web.slice/web@1.service"},
		{"web@2.service", "/system.slice/system-web.slice/web@2.service"},
		{"app.service", "/apps.slice/apps-web.slice/app.service"},
		{"none.service", NULL},
	};
	static const char *const want[] = {"a.service", "web@1.service", "system-web.slice",
		"web@2.service", "app.service", "apps.slice", "apps-web.slice", "none.service"};
	WB_CLEAN_STRV got = {};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		const struct wb_manifest_unit u = {
			.unit = (char *)units[i].unit, .cgroup = (char *)units[i].cgroup};

		assert_int_equal(wb_spare_add(&got, &u), 0);
	}
	assert_int_equal(got.n, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < got.n; i++)
		assert_string_equal(got.items[i], want[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_spared_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
