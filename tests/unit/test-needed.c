// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether a newer kernel waits, by the entry that a plain reboot would boot. */
#include <errno.h>

#include "fake-sys.h"
#include "session/needed.h"
#include "unit.h"

#define RELEASE(r)                                   \
	{                                            \
		"/proc/sys/kernel/osrelease", r "\n" \
	}
#define KERNELS                                   \
	{"/boot/vmlinuz-6.12.9", "kernel"},       \
	{                                         \
		"/boot/vmlinuz-6.12.10", "kernel" \
	}
/* GRUB boots the second entry. */
#define GRUB(second)                                                                              \
	{                                                                                         \
		"/boot/grub/grub.cfg",                                                            \
			"set default=1\n"                                                         \
			"menuentry 'A' --id a {\n linux /boot/vmlinuz-6.12.9 root=/dev/vda1\n}\n" \
			"menuentry 'B' --id b {\n linux /boot/vmlinuz-" second                    \
			" root=/dev/vda1\n}\n"                                                    \
	}

static struct wb_needed find(const struct fake_file *disk)
{
	struct wb_needed n = {};
	struct wb_error err = {};
	struct fake_sys fake;

	fake_sys_init(&fake, disk);
	if (wb_needed_find(&fake.sys, &n, &err) < 0)
		fail_msg("%s", err.text);
	return n;
}

static void a_newer_kernel_waits(void **state)
{
	static const struct fake_file disk[] = {RELEASE("6.12.9"), KERNELS, GRUB("6.12.10"), {}};
	WB_CLEAN_NEEDED n = find(disk);

	assert_string_equal(n.running, "6.12.9");
	assert_non_null(n.waiting);
	assert_string_equal(n.waiting, "6.12.10");
	assert_false(n.required);
}

static void an_older_one_does_not(void **state)
{
	static const struct fake_file same[] = {RELEASE("6.12.10"), KERNELS, GRUB("6.12.10"), {}};
	static const struct fake_file newer[] = {RELEASE("6.12.11"), KERNELS, GRUB("6.12.10"), {}};
	static const struct fake_file other[] = {RELEASE("6.12.9"), KERNELS, GRUB("6.12.9"), {}};
	WB_CLEAN_NEEDED a = find(same);
	WB_CLEAN_NEEDED b = find(newer);
	WB_CLEAN_NEEDED c = find(other);

	assert_null(a.waiting);
	assert_null(b.waiting);
	assert_null(c.waiting);
}

static void packages_ask_for_a_reboot(void **state)
{
	static const struct fake_file disk[] = {RELEASE("6.12.10"),
		{WB_REBOOT_REQUIRED, "*** System restart required ***\n"},
		{WB_REBOOT_PACKAGES, "libc6\ndbus\nlibc6\n"}, {}};
	WB_CLEAN_NEEDED n = find(disk);

	assert_true(n.required);
	assert_null(n.waiting);
	assert_int_equal(n.packages.n, 2);
	assert_string_equal(n.packages.items[1], "dbus");
}

static void a_machine_that_tells_nothing_is_an_error(void **state)
{
	static const struct fake_file disk[] = {KERNELS, GRUB("6.12.10"), {}};
	struct wb_needed n = {};
	struct wb_error err = {};
	struct fake_sys fake;

	fake_sys_init(&fake, disk);
	assert_true(wb_needed_find(&fake.sys, &n, &err) < 0);
	assert_non_null(strstr(err.text, "release"));
	assert_null(n.running);
}

/* Without a default entry it is not known what waits, and "no" would be a guess. */
static void a_machine_without_a_default_is_an_error(void **state)
{
	static const struct fake_file disk[] = {RELEASE("6.12.9"), {}};
	struct wb_needed n = {};
	struct wb_error err = {};
	struct fake_sys fake;

	fake_sys_init(&fake, disk);
	assert_int_equal(wb_needed_find(&fake.sys, &n, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no boot entry"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_kernel_waits),
		cmocka_unit_test(an_older_one_does_not),
		cmocka_unit_test(packages_ask_for_a_reboot),
		cmocka_unit_test(a_machine_that_tells_nothing_is_an_error),
		cmocka_unit_test(a_machine_without_a_default_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
