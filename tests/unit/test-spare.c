// SPDX-License-Identifier: LGPL-2.1-or-later
/* systemd/spare.c: units that a shutdown does not stop. */
#include <stdlib.h>

#include "systemd/spare.h"
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

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		assert_int_equal(wb_spare_add(&got, units[i].unit, units[i].cgroup), 0);
	assert_int_equal(got.n, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < got.n; i++)
		assert_string_equal(got.items[i], want[i]);
}

static void a_unit_forgets_what_it_conflicts_with(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"[Unit]\nConflicts=umount.target\nAfter=swap.target\n[Mount]\nOptions=size=50%%\n",
			WB_JUMP_MARK "[Unit]\nAfter=swap.target\n[Mount]\nOptions=size=50%%\n"},
		{"[Unit]\nConflicts=a.mount \\\n umount.target\nAfter=b\nConflicts=c",
			"# Written by warmboot for the time of a jump.\n[Unit]\nAfter=b\n"},
		{"[Unit]\n# not this: \\\n Conflicts = umount.target\nConflictsWith=x\n",
			WB_JUMP_MARK "[Unit]\n# not this: \\\nConflictsWith=x\n"},
		{"[Mount]\nWhat=tmpfs\n#Conflicts=none\n", ""},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_STR text = wb_spare_text(cases[i].text);

		assert_string_equal(text, cases[i].want);
	}
}

static int read_mounts(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	assert_string_equal(path, "/proc/1/mountinfo");
	assert_int_equal(wb_blob_append(ret, ctx, strlen(ctx) + 1), 0);
	ret->size--;
	return 0;
}

static void what_a_shutdown_would_unmount_is_spared(void **state)
{
	static const char mounts[] =
		"25 1 254:2 / / rw - ext4 /dev/vda2 rw\n"
		"26 25 0:5 / /dev rw - devtmpfs udev rw\n27 26 0:6 / /dev/shm rw - tmpfs tmpfs rw\n"
		"28 25 0:7 / /run rw - tmpfs tmpfs rw\n29 28 0:8 / /run/lock rw - tmpfs tmpfs rw\n"
		"30 28 0:9 / /run/user/1000 rw - tmpfs tmpfs rw\n"
		"31 28 0:10 / /run/credentials/a.service ro - tmpfs tmpfs ro\n"
		"32 25 0:11 / /tmp rw shared:9 - tmpfs tmpfs rw,size=1k\n"
		"33 25 0:12 / /srv/my\\040cache rw - ramfs none rw\n"
		"34 25 0:12 / /srv/my\\040cache rw - ramfs none rw\n"
		"35 25 0:13 / /running rw - tmpfs none rw\n36 25 254:3 / /var rw - ext4 /dev/vda3 "
		"rw\n37 28 0:4 net:[4026532233] /run/netns/a rw - nsfs nsfs rw\n"
		"38 28 0:4 mnt:[4026532234] /run/snapd/ns/b rw - nsfs nsfs rw\n"
		"39 25 0:14 / /var/lib/containers/storage/overlay/c/merged rw - overlay overlay "
		"rw\n"
		"40 25 0:15 / /srv/merge rw - overlay overlay rw\n";
	static const char *const want[] = {"run-lock.mount", "tmp.mount", "srv-my\\x20cache.mount",
		"running.mount", "run-netns-a.mount",
		"var-lib-containers-storage-overlay-c-merged.mount"};
	const struct wb_files files = {.ctx = (void *)mounts, .read = read_mounts};
	WB_CLEAN_STRV got = {};

	assert_int_equal(wb_spare_add_mounts(&files, &got), 0);
	assert_int_equal(got.n, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < got.n; i++)
		assert_string_equal(got.items[i], want[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_spared_too),
		cmocka_unit_test(a_unit_forgets_what_it_conflicts_with),
		cmocka_unit_test(what_a_shutdown_would_unmount_is_spared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
