// SPDX-License-Identifier: LGPL-2.1-or-later
/* The gates in front of kexec: lockdown, signatures, sysctl. */
#include "unit.h"
#include "fake-sys.h"
#include "sys/policy.h"

static struct wb_policy read_policy_of(
	enum wb_target_id target, const struct fake_file *list, int no_privilege)
{
	struct fake_sys fake;
	struct wb_policy p;

	fake_sys_init(&fake, list);
	fake.no_privilege = no_privilege;
	wb_policy_read(&fake.sys, target, &p);
	return p;
}

static struct wb_policy read_policy(const struct fake_file *list, int no_privilege)
{
	return read_policy_of(WB_TARGET_REBOOT, list, no_privilege);
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

static void each_target_has_its_own_limit(void **state)
{
	static const struct fake_file loads[] = {{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
		{"/proc/sys/kernel/kexec_load_limit_reboot", "0\n"},
		{"/proc/sys/kernel/kexec_load_limit_panic", "-1\n"}, {}};
	static const struct fake_file spent[] = {{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
		{"/proc/sys/kernel/kexec_load_limit_panic", "0\n"}, {}};
	struct wb_policy p = read_policy_of(WB_TARGET_CRASH, loads, 0);

	assert_false(p.spent);
	p = read_policy_of(WB_TARGET_CRASH, spent, 0);
	says(&p, true, -EPERM, "kernel.kexec_load_limit_panic is 0");
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

#define RELEASE                                         \
	{                                               \
		"/proc/sys/kernel/osrelease", "6.1.0\n" \
	}
#define DISABLED                                              \
	{                                                     \
		"/proc/sys/kernel/kexec_load_disabled", "0\n" \
	}

/* By each of the places in which a configuration is found, and whichever line it is. */
static void the_configuration_is_found(void **state)
{
	/* CONFIG_KEXEC_FILE, CONFIG_KEXEC_SIG and CONFIG_KEXEC_SIG_FORCE, by gzip -n. */
	static const uint8_t packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
		0x73, 0xf6, 0xf7, 0x73, 0xf3, 0x74, 0x8f, 0xf7, 0x76, 0x8d, 0x70, 0x75, 0x8e, 0x77,
		0xf3, 0xf4, 0x71, 0xb5, 0xad, 0xe4, 0x72, 0x46, 0x16, 0x0b, 0xf6, 0x74, 0xc7, 0x22,
		0x14, 0xef, 0xe6, 0x1f, 0xe4, 0x0c, 0x52, 0x0b, 0x00, 0x12, 0x00, 0x72, 0x48, 0x40,
		0x00, 0x00, 0x00};
	static const struct fake_file modules[] = {
		DISABLED, RELEASE, {"/lib/modules/6.1.0/config", "CONFIG_KEXEC_SIG_FORCE=y\n"}, {}};
	static const struct fake_file itself[] = {DISABLED, RELEASE,
		{"/boot/config-6.1.0", "# of another build\n"},
		{"/proc/config.gz", (const char *)packed, sizeof(packed)}, {}};
	static const struct fake_file other[] = {DISABLED, RELEASE,
		{"/lib/modules/6.1.0/config",
			"# CONFIG_KEXEC_SIG_FORCE is not set\nXCONFIG_KEXEC_SIG_FORCE=y\n"
			"CONFIG_KEXEC_SIG_FORCED=y\nCONFIG_KEXEC_SIG_FORCE=n\n"},
		{}};
	struct wb_policy p = read_policy(modules, 0);

	says(&p, false, -EPERM, "CONFIG_KEXEC_SIG_FORCE");
	p = read_policy(itself, 0);
	says(&p, false, -EPERM, "CONFIG_KEXEC_SIG_FORCE");
	assert_false(p.unverified);
	p = read_policy(other, 0);
	assert_false(p.signature);
	assert_true(p.unverified);
}

static void wants(const struct fake_file *disk, bool placed, bool file, const char *words)
{
	struct wb_policy p = read_policy(disk, 0);
	char why[WB_POLICY_WHY];

	assert_int_equal(wb_policy_wants_file(&p, placed, why), file);
	if (*words ? !strstr(why, words) : *why)
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	/* A method that is named is used, if the kernel allows it. */
	assert_int_equal(wb_policy_check(&p, file, NULL), 0);
}

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static void secure_boot_without_lockdown(void **state)
{
	static const char on[] = "\6\0\0\0\1", off[] = "\6\0\0\0\0";
	static const struct fake_file unknown[] = {DISABLED, {SECURE_BOOT, on, 5}, {}};
	static const struct fake_file none[] = {DISABLED, {SECURE_BOOT, off, 5}, {}};
	static const struct fake_file verifies[] = {DISABLED, RELEASE, {SECURE_BOOT, on, 5},
		{"/boot/config-6.1.0", "CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG=y\n"}, {}};
	static const struct fake_file cannot[] = {DISABLED, RELEASE, {SECURE_BOOT, on, 5},
		{"/boot/config-6.1.0", "CONFIG_KEXEC_FILE=y\n"}, {}};
	static const struct fake_file locked[] = {DISABLED, {SECURE_BOOT, on, 5},
		{"/sys/kernel/security/lockdown", "none [integrity]\n"}, {}};

	wants(none, false, false, "");
	wants(unknown, false, true, "Secure Boot is on, so");
	wants(verifies, false, true, "Secure Boot is on, so");
	wants(verifies, true, false,
		"no signature is checked: kexec_file_load, which would check it,");
	wants(cannot, false, false, "no CONFIG_KEXEC_SIG");
	wants(locked, true, true, "kernel lockdown is in integrity mode");
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
		cmocka_unit_test(each_target_has_its_own_limit),
		cmocka_unit_test(lockdown),
		cmocka_unit_test(signature_forced_by_configuration),
		cmocka_unit_test(the_configuration_is_found),
		cmocka_unit_test(secure_boot_without_lockdown),
		cmocka_unit_test(kernel_without_kexec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
