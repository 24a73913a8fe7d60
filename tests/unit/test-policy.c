// SPDX-License-Identifier: LGPL-2.1-or-later
#include "unit.h"
#include "fake-sys.h"
#include "stage/policy.h"

static struct wb_policy read_policy(const struct fake_file *list, int no_privilege)
{
	struct fake_sys fake;
	struct wb_policy p;

	fake_sys_init(&fake, list);
	fake.no_privilege = no_privilege;
	wb_policy_read(&fake.sys, &p);
	return p;
}

static void says(const struct wb_policy *p, bool file, int code, const char *words)
{
	struct wb_error err = {};

	assert_int_equal(wb_policy_check(p, file, &err), code);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static const struct fake_file open_machine[] = {
	{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
	{"/sys/kernel/security/lockdown", "[none] integrity confidentiality\n"},
	{},
};

static void open_machine_allows_all(void **state)
{
	struct wb_policy p = read_policy(open_machine, 0);

	assert_false(p.signature || p.kho || p.disabled || p.no_kexec);
	assert_string_equal(p.lockdown, "none");
	assert_int_equal(wb_policy_check(&p, false, NULL), 0);
	assert_int_equal(wb_policy_check(&p, true, NULL), 0);
}

static void no_privilege(void **state)
{
	struct wb_policy p = read_policy(open_machine, 1);

	says(&p, true, -EPERM, "CAP_SYS_BOOT; run this as root or with sudo");
}

static void no_loads_left(void **state)
{
	static const struct fake_file disk[] = {{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
		{"/proc/sys/kernel/kexec_load_limit_reboot", "0\n"}, {}};
	static const struct fake_file unlimited[] = {
		{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
		{"/proc/sys/kernel/kexec_load_limit_reboot", "-1\n"}, {}};
	struct wb_policy p = read_policy(disk, 0);

	says(&p, true, -EPERM, "kernel.kexec_load_limit_reboot is 0");
	p = read_policy(unlimited, 0);
	assert_false(p.spent);
}

static void load_disabled(void **state)
{
	static const struct fake_file list[] = {
		{"/proc/sys/kernel/kexec_load_disabled", "1\n"}, {}};
	struct wb_policy p = read_policy(list, 0);

	says(&p, true, -EPERM, "kernel.kexec_load_disabled is 1");
}

static void lockdown(void **state)
{
	static const struct fake_file list[] = {
		{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
		{"/sys/kernel/security/lockdown", "none [integrity] confidentiality\n"},
		{},
	};
	struct wb_policy p = read_policy(list, 0);

	assert_true(p.signature);
	says(&p, false, -EPERM, "lockdown is in integrity mode, so kexec_load(2) is refused");
	assert_int_equal(wb_policy_check(&p, true, NULL), 0);
}

static void signature_forced_by_configuration(void **state)
{
	static const struct fake_file list[] = {
		{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
		{"/proc/sys/kernel/osrelease", "6.1.0\n"},
		{"/boot/config-6.1.0", "CONFIG_KEXEC_SIG=y\nCONFIG_KEXEC_SIG_FORCE=y\n"},
		{},
	};
	struct wb_policy p = read_policy(list, 0);

	says(&p, false, -EPERM, "CONFIG_KEXEC_SIG_FORCE");
}

static void kernel_without_kexec(void **state)
{
	static const struct fake_file list[] = {{"/proc/cmdline", "quiet kho=on\n"}, {}};
	struct wb_policy p = read_policy(list, 0);

	assert_true(p.kho);
	says(&p, true, -ENOSYS, "built without kexec");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_machine_allows_all),
		cmocka_unit_test(no_privilege),
		cmocka_unit_test(load_disabled),
		cmocka_unit_test(no_loads_left),
		cmocka_unit_test(lockdown),
		cmocka_unit_test(signature_forced_by_configuration),
		cmocka_unit_test(kernel_without_kexec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
