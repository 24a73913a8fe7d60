// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unloading: each target has kexec flags of its own, in both system calls. */
#include "unit.h"
#include "arch/arch.h"
#include "fake-sys.h"
#include "stage/stage.h"

static const struct fake_file machine[] = {{"/proc/sys/kernel/kexec_load_disabled", "0\n"}, {}};

/* The numbers of linux/kexec.h. */
#define ON_CRASH 1
#define FILE_UNLOAD 1
#define FILE_ON_CRASH 2

static const struct {
	enum wb_target_id target;
	unsigned long of_files, of_segments;
} cases[] = {
	{WB_TARGET_REBOOT, FILE_UNLOAD, 0},
	{WB_TARGET_CRASH, FILE_UNLOAD | FILE_ON_CRASH, ON_CRASH},
};

static void flags_follow_from_the_target(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_error err = {};
		struct fake_sys fake;

		fake_sys_init(&fake, machine);
		assert_int_equal(wb_stage_unload(&fake.sys, cases[i].target, &err), 0);
		assert_int_equal(fake.unload_flags, cases[i].of_files);
		assert_int_equal(fake.unloads, 1);
		fake_sys_deinit(&fake);
	}
}

static void kernel_that_loads_no_files_is_asked_by_the_other_call(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_error err = {};
		struct fake_sys fake;

		fake_sys_init(&fake, machine);
		fake.file_unload_result = -ENOSYS;
		assert_int_equal(wb_stage_unload(&fake.sys, cases[i].target, &err), 0);
		assert_int_equal(fake.unload_flags,
			cases[i].of_segments | wb_arch_of(fake.sys.files)->kexec_flag);
		assert_int_equal(fake.unloads, 1);
		fake_sys_deinit(&fake);
	}
}

static void public_function_unloads_for_a_reboot(void **state)
{
	struct wb_error err = {};
	struct fake_sys fake;

	fake_sys_init(&fake, machine);
	assert_int_equal(wb_unload(&fake.sys, &err), 0);
	assert_int_equal(fake.unload_flags, FILE_UNLOAD);
	assert_int_equal(fake.unloads, 1);
	fake_sys_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_follow_from_the_target),
		cmocka_unit_test(kernel_that_loads_no_files_is_asked_by_the_other_call),
		cmocka_unit_test(public_function_unloads_for_a_reboot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
