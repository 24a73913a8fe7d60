// SPDX-License-Identifier: LGPL-2.1-or-later
/* jump/jump.c: orderly jumps and jumps at once, and their failures. */
#include <stdio.h>

#include "unit.h"
#include "fake-files.h"
#include "jump/jump.h"
#include "systemd/shutdown.h"

static void inhibitors_block_when_they_say_so(void **state)
{
	assert_true(wb_inhibitor_blocks("shutdown", "block"));
	assert_true(wb_inhibitor_blocks("sleep:shutdown:idle", "block"));
	assert_false(wb_inhibitor_blocks("shutdown", "delay"));
	assert_false(wb_inhibitor_blocks("shutdown", "block-weak"));
	assert_false(wb_inhibitor_blocks("sleep:idle", "block"));
	assert_false(wb_inhibitor_blocks("shutdowns", "block"));
	assert_false(wb_inhibitor_blocks("", "block"));
}

static const char mountinfo[] =
	"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
	"23 22 0:21 / /proc rw,nosuid - proc proc rw\n"
	"30 22 254:2 / /srv/my\\040data rw - xfs /dev/vda2 rw\n"
	"31 22 254:1 /home /home rw shared:1 master:2 - ext4 /dev/vda1 rw\n"
	"32 22 254:3 / /boot ro - ext4 /dev/vda3 ro\n"
	"33 22 254:4 / /seen ro - ext4 /dev/vda4 rw\n"
	"34 22 0:40 / /data rw - btrfs /dev/vdb rw,space_cache\n"
	"35 22 0:41 / /net rw - nfs host:/x rw\n"
	"36 30 7:0 / /srv/loop rw - ext4 /dev/loop0 rw\n";

static void writable_mounts_are_found_last_first(void **state)
{
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV got = {};

	assert_int_equal(wb_mounts_parse(mountinfo, &mounts), 0);
	assert_int_equal(wb_writable_mounts(&mounts, &got), 0);
	assert_int_equal(got.n, 5);
	assert_string_equal(got.items[0], "/srv/loop");
	assert_string_equal(got.items[1], "/data");
	assert_string_equal(got.items[2], "/seen");
	assert_string_equal(got.items[3], "/srv/my data");
	assert_string_equal(got.items[4], "/");
}

static void inits_are_told_apart(void **state)
{
	static const struct fake_file systemd[] = {{"/run/systemd/system/x", ""}, {}};
	static const struct fake_file openrc[] = {{"/run/openrc/softlevel", "default"}, {}};
	static const struct fake_file sysvinit[] = {
		{"/etc/inittab", ""}, {"/etc/rc6.d/K01x", ""}, {}};
	static const struct fake_file other[] = {{"/etc/inittab", ""}, {}};
	struct wb_files files = fake_files(systemd);

	assert_string_equal(wb_init_find(&files)->name, "systemd");
	files = fake_files(openrc);
	assert_string_equal(wb_init_find(&files)->name, "OpenRC");
	files = fake_files(sysvinit);
	assert_string_equal(wb_init_find(&files)->name, "sysvinit");
	files = fake_files(other);
	assert_null(wb_init_find(&files));
}

/* The actions, in order, one letter each. */
struct diary {
	char text[256];
	bool freeze_fails;
};

static void note(struct diary *d, const char *what, const char *path)
{
	size_t n = strlen(d->text);

	snprintf(d->text + n, sizeof(d->text) - n, "%s%s ", what, path);
}

static void fake_sync(void *ctx)
{
	note(ctx, "sync", "");
}

static int fake_freeze(void *ctx, const char *path)
{
	struct diary *d = ctx;

	if (d->freeze_fails && !strcmp(path, "/data"))
		return -EOPNOTSUPP;
	note(d, "freeze", path);
	return 0;
}

static int fake_thaw(void *ctx, const char *path)
{
	note(ctx, "thaw", path);
	return 0;
}

static int fake_remount(void *ctx, const char *path, bool read_only)
{
	note(ctx, read_only ? "ro" : "rw", path);
	return 0;
}

static int fake_run(void *ctx, const char *const *argv)
{
	note(ctx, "run", argv[0]);
	return 0;
}

static int fake_detach(void *ctx)
{
	note(ctx, "detach", "");
	return 0;
}

static int fake_jump(void *ctx)
{
	note(ctx, "jump", "");
	return -EINVAL;
}

static struct wb_quiesce fake_quiesce(struct diary *d)
{
	return (struct wb_quiesce){
		.ctx = d,
		.sync = fake_sync,
		.freeze = fake_freeze,
		.thaw = fake_thaw,
		.remount = fake_remount,
		.run = fake_run,
		.detach = fake_detach,
	};
}

static void a_failed_jump_puts_all_back(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/self/mountinfo",
			"1 1 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / /data rw - vfat /dev/b rw\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	struct diary d = {.freeze_fails = true};
	const struct wb_sys sys = {.ctx = &d, .files = &files, .reboot_kexec = fake_jump};
	const struct wb_quiesce quiesce = fake_quiesce(&d);
	struct wb_error err = {};

	assert_int_equal(wb_jump_now(&sys, &quiesce, &err), -EINVAL);
	assert_string_equal(d.text, "sync ro/data freeze/ jump thaw/ rw/data ");
	assert_non_null(strstr(err.text, "nothing loaded"));
}

static void a_damaged_mountinfo_stops_the_jump(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/self/mountinfo", "1 1 8:1 / / rw - ext4 /dev/a rw\n1 2\n"}, {}};
	struct wb_files files = fake_files(disk);
	struct diary d = {};
	const struct wb_sys sys = {.ctx = &d, .files = &files, .reboot_kexec = fake_jump};
	const struct wb_quiesce quiesce = fake_quiesce(&d);
	struct wb_error err = {};

	assert_int_equal(wb_jump_now(&sys, &quiesce, &err), -EBADMSG);
	assert_string_equal(d.text, "");
	assert_string_equal(err.text, "/proc/self/mountinfo has a line that is not understood");
}

static int busy(struct wb_strv *ret, struct wb_error *err)
{
	return wb_strv_add(ret, "dpkg (process 7) asks for no shutdown now: packages");
}

static int taken(bool ignore_inhibitors, struct wb_error *err)
{
	return ignore_inhibitors ? 0 : wb_fail(err, -EPERM, "not asked to ignore");
}

static void an_inhibitor_stops_the_jump(void **state)
{
	const struct wb_init init = {.name = "x", .inhibitors = busy, .kexec = taken};
	struct diary d = {};
	const struct wb_sys sys = {.ctx = &d, .reboot_kexec = fake_jump};
	const struct wb_quiesce quiesce = fake_quiesce(&d);
	struct wb_error err = {};

	assert_int_equal(wb_jump_orderly(&init, &sys, &quiesce, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "dpkg (process 7)"));
	assert_non_null(strstr(err.text, "(\"warmboot reboot --ignore-inhibitors\" goes on"));
	assert_int_equal(wb_jump_orderly(&init, &sys, &quiesce, true, &err), 0);
	assert_string_equal(d.text, "");
}

static void an_init_of_scripts_is_run_and_then_jumped(void **state)
{
	static const char *const argv[] = {"/sbin/stop", NULL};
	const struct wb_init init = {.name = "x", .argv = argv};
	struct diary d = {};
	const struct wb_sys sys = {.ctx = &d, .reboot_kexec = fake_jump};
	const struct wb_quiesce quiesce = fake_quiesce(&d);
	struct wb_error err = {};

	assert_int_equal(wb_jump_orderly(&init, &sys, &quiesce, false, &err), -ESHUTDOWN);
	assert_string_equal(d.text, "detach run/sbin/stop sync jump run/sbin/reboot ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inhibitors_block_when_they_say_so),
		cmocka_unit_test(writable_mounts_are_found_last_first),
		cmocka_unit_test(a_damaged_mountinfo_stops_the_jump),
		cmocka_unit_test(inits_are_told_apart),
		cmocka_unit_test(a_failed_jump_puts_all_back),
		cmocka_unit_test(an_inhibitor_stops_the_jump),
		cmocka_unit_test(an_init_of_scripts_is_run_and_then_jumped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
