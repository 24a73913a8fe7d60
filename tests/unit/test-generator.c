// SPDX-License-Identifier: LGPL-2.1-or-later
/* restore/boot-units.c: the files that the generator writes. */
#include <stdio.h>
#include <stdlib.h>

#include "fake-write.h"
#include "restore/boot-units.h"
#include "restore/needs.h"
#include "manifest/result.h"
#include "sample-manifest.h"
#include "unit.h"

#define EARLY "/run/systemd/generator.early"

static void read_sample(struct wb_manifest *ret)
{
	struct wb_error err = {};

	if (wb_manifest_parse(
		    (struct wb_bytes){(const uint8_t *)sample_manifest, strlen(sample_manifest)},
		    NULL, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static void generate(struct fake_write *fake, const struct wb_manifest *m)
{
	const struct wb_generator_ops ops = {fake, &fake->sys, fake_symlink};
	struct wb_error err = {};

	if (wb_generator_write(&ops, m, "/usr/sbin/warmboot", EARLY, &err) < 0)
		fail_msg("%s", err.text);
}

static void contains(const char *text, const char *what)
{
	assert_non_null(text);
	if (!strstr(text, what))
		fail_msg("no \"%s\" in:\n%s", what, text);
}

static void test_whole(void **state)
{
	static const struct fake_file disk[] = {
		{"/etc/fstab", "UUID=1 / ext4 errors=remount-ro 0 1\n"},
		{"/etc/systemd/system/memcached.service.d/limits.conf", "[Service]\n"},
		{"/usr/lib/systemd/system/service.d/10-all.conf", "[Service]\n"},
		{"/etc/systemd/system/ssh.service.d/other.conf", "[Service]\n"},
		{},
	};
	static const char links[] =
		EARLY "/memcached.service.d/limits.conf -> /dev/null\n" EARLY
		      "/memcached.service.d/10-all.conf -> /dev/null\n" EARLY
		      "/sysinit.target.wants/memcached.service -> ../memcached.service\n" EARLY
		      "/multi-user.target.wants/warmboot-unhold.service -> "
		      "/usr/lib/systemd/system/warmboot-unhold.service\n" EARLY
		      "/sysinit.target.wants/warmboot-modules.service -> "
		      "/usr/lib/systemd/system/warmboot-modules.service\n" EARLY
		      "/sysinit.target.wants/warmboot-hold.service -> "
		      "/usr/lib/systemd/system/warmboot-hold.service\n" EARLY
		      "/sysinit.target.wants/warmboot-thawed.service -> "
		      "/usr/lib/systemd/system/warmboot-thawed.service\n";
	static struct fake_write fake;
	WB_CLEAN_MANIFEST m = {};
	const char *text;

	read_sample(&m);
	fake_write_init(&fake, disk);
	generate(&fake, &m);
	text = fake_written(&fake, EARLY "/memcached.service");
	contains(text, "ExecStart=+/usr/sbin/warmboot thaw memcached.service\n");
	contains(text,
		"Before=warmboot-thawed.service nftables.service systemd-udev-trigger.service\n");
	assert_null(fake_written(&fake, EARLY "/getty@tty1.service"));
	/* Where a reload leaves it. */
	contains(fake_written(&fake, "/run/systemd/system/nftables.service.d/50-warmboot.conf"),
		"ExecStartPost=-+/usr/sbin/warmboot hold --again\n");
	assert_string_equal(fake.links, links);
}

/* podman needs the machine as a service finds it, and rules that a firewall does not flush afterwards. */
static void test_container(void **state)
{
	static const struct fake_file disk[] = {{}};
	static struct fake_write fake;
	WB_CLEAN_MANIFEST m = {};
	const char *text;

	read_sample(&m);
	m.units.items[0].how = WB_KEEP_CONTAINER;
	fake_write_init(&fake, disk);
	generate(&fake, &m);
	text = fake_written(&fake, EARLY "/memcached.service");
	contains(text, "systemd-remount-fs.service local-fs.target\n");
	contains(text, "After=systemd-tmpfiles-setup.service nftables.service ");
	contains(text, "Before=podman-restart.service\n");
	contains(text, "Before=warmboot-thawed.service\n");
	contains(text, "ExecStart=+/usr/sbin/warmboot thaw memcached.service\n");
}

static void test_waits(void **state)
{
	static const struct fake_file disk[] = {
		{"/etc/fstab", "UUID=1 / ext4 defaults 0 1\nUUID=2 /var ext4 defaults 0 2\n"}, {}};
	static const struct fake_file none[] = {{}};
	static struct fake_write fake;
	WB_CLEAN_MANIFEST m = {};
	const char *text;

	read_sample(&m);
	fake_write_init(&fake, disk);
	generate(&fake, &m);
	text = fake_written(&fake, EARLY "/memcached.service");
	contains(text, "After=warmboot-hold.service warmboot-modules.service "
		       "systemd-remount-fs.service local-fs.target\n");
	contains(text, "Before=warmboot-thawed.service nftables.service\n");

	/* An address on a bridge: only the machine's own setup makes it. */
	free(m.net.links.items[0].kind);
	m.net.links.items[0].kind = strdup("bridge");
	fake_write_init(&fake, none);
	generate(&fake, &m);
	contains(fake_written(&fake, EARLY "/memcached.service"), " network.target\n");
}

/* Before the first units of the boot and after one that waits for them: systemd would drop one of these. */
static void test_late(void **state)
{
	static const struct fake_file none[] = {{}};
	static struct fake_write fake;
	WB_CLEAN_MANIFEST m = {};
	const char *text;

	read_sample(&m);
	m.units.items[0].late = strdup("migrate.service");
	fake_write_init(&fake, none);
	generate(&fake, &m);
	text = fake_written(&fake, EARLY "/memcached.service");
	contains(text, "Before=warmboot-thawed.service\n");
	assert_null(strstr(text, "udev-trigger"));
}

static void test_ifupdown(void **state)
{
	static const char networking[] =
		"/run/systemd/system/networking.service.d/50-warmboot.conf";
	static const struct fake_file disk[] = {{"/usr/sbin/ifup", "program"}, {}}, none[] = {{}};
	static struct fake_write fake;
	WB_CLEAN_MANIFEST m = {};
	const char *text;

	read_sample(&m);
	fake_write_init(&fake, none);
	generate(&fake, &m);
	assert_null(fake_written(&fake, networking));
	fake_write_init(&fake, disk);
	generate(&fake, &m);
	contains(fake_written(&fake, networking), "for l in $$(ifquery --list); do");
	contains(fake_written(&fake, networking), "After=warmboot-thawed.service\n[Service]\n");
	text = fake_written(&fake, "/run/systemd/system/ifup@.service.d/50-warmboot.conf");
	contains(text, "for l in %I; do");

	/* A unit that waits for the network cannot be waited for. */
	free(m.net.links.items[0].kind);
	m.net.links.items[0].kind = strdup("bridge");
	fake_write_init(&fake, disk);
	generate(&fake, &m);
	assert_null(fake_written(&fake, networking));
}

static void test_refused(void **state)
{
	static const struct fake_file disk[] = {{}};
	static struct fake_write fake;
	WB_CLEAN_MANIFEST m = {};

	read_sample(&m);
	free(m.units.items[0].definition.items[0].text);
	m.units.items[0].definition.items[0].text = strdup("[Service]\nRootDirectory=/srv\n");
	fake_write_init(&fake, disk);
	generate(&fake, &m);
	assert_null(fake_written(&fake, EARLY "/memcached.service"));
	contains(fake_written(&fake, WB_RESULT_PARTS "/memcached.service.json"),
		"memcached.service has RootDirectory= set");
}

static void test_cannot_write(void **state)
{
	static const struct fake_file disk[] = {{}};
	static struct fake_write fake;
	const struct wb_generator_ops ops = {&fake, &fake.sys, fake_symlink};
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};

	read_sample(&m);
	fake_write_init(&fake, disk);
	fake.result = -EROFS;
	assert_int_equal(wb_generator_write(&ops, &m, "/usr/sbin/warmboot", EARLY, &err), -EROFS);
	assert_string_equal(
		err.text, "cannot write " EARLY "/memcached.service: Read-only file system");
	/* Nothing is started that would wait for something absent. */
	assert_null(strstr(fake.links, "warmboot-hold"));
}

static void test_fstab(void **state)
{
	assert_false(wb_fstab_needs_udev(""));
	assert_false(wb_fstab_needs_udev("# UUID=2 /var ext4 defaults 0 2\n"));
	assert_false(wb_fstab_needs_udev("UUID=1 / ext4 defaults 0 1\n"
					 "UUID=2 /boot/efi vfat umask=0077 0 1\n"
					 "UUID=3 none swap sw 0 0\n"
					 "tmpfs /tmp tmpfs nosuid 0 0\n"
					 "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n"
					 "nas:/x /mnt nfs x-systemd.automount,_netdev 0 0"));
	assert_true(wb_fstab_needs_udev("UUID=1 / ext4 defaults 0 1\n\tUUID=2\t/var ext4\n"));
	assert_true(wb_fstab_needs_udev("UUID=2 /srv xfs defaults,xnoauto 0 2"));
}

/* The sandbox has its own, from PrivateTmp=, before the machine has mounted anything there. */
static void test_own_tmp(void **state)
{
	struct wb_manifest_file file = {.path = (char *)"/tmp"};
	struct wb_unit_text text = {.text = (char *)"[Service]\nPrivateTmp=yes\n"};
	struct wb_manifest_unit u = {.files = {&file, 1}, .definition = {&text, 1}};

	assert_false(wb_needs_mounts(&u, ""));
	file.path = (char *)"/var/tmp/a";
	assert_false(wb_needs_mounts(&u, ""));
	file.path = (char *)"/tmpx";
	assert_true(wb_needs_mounts(&u, ""));
	file.path = (char *)"/tmp";
	text.text = (char *)"[Service]\nPrivateTmp=yes\nPrivateTmp=no\n";
	assert_true(wb_needs_mounts(&u, ""));
	text.text = (char *)"[Unit]\nPrivateTmp=yes\n";
	assert_true(wb_needs_mounts(&u, ""));
}

/* The early restore may have made the root writable; then no unit waits for systemd to do it. */
static void test_root_is_writable(void **state)
{
	static const struct fake_file writable[] = {
		{"/proc/self/mountinfo", "1 1 8:1 / / ro,relatime - ext4 /dev/a rw\n"}, {}};
	static const struct fake_file not [] = {
		{"/proc/self/mountinfo", "1 1 8:1 / / rw,relatime - ext4 /dev/a ro\n"}, {}};
	static const struct fake_file elsewhere[] = {
		{"/proc/self/mountinfo", "1 1 8:1 / / rw,relatime - ext4 /dev/a rw\n"},
		{"/etc/fstab", "UUID=2 /var ext4 defaults 0 2\n"}, {}};
	static const struct {
		const struct fake_file *disk;
		const char *after;
	} cases[] = {{writable, "After=warmboot-hold.service warmboot-modules.service\n"},
		{not, "warmboot-modules.service systemd-remount-fs.service\n"},
		{elsewhere,
			"warmboot-modules.service systemd-remount-fs.service local-fs.target\n"}};
	static struct fake_write fake;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_MANIFEST m = {};

		read_sample(&m);
		fake_write_init(&fake, cases[i].disk);
		generate(&fake, &m);
		contains(fake_written(&fake, EARLY "/memcached.service"), cases[i].after);
	}
}

/* Put where a file system is mounted later, a file would be hidden by it. */
static void test_where_files_lie(void **state)
{
	static const char fstab[] = "UUID=1 / ext4 defaults 0 1\n# x /run/not tmpfs\n"
				    "tmpfs /run/cache tmpfs nosuid 0 0\ntmpfs /srv/c tmpfs\n";
	static const char *const on_run[] = {
		"/run/a", "/run/a/b", "/var/run/a", "/run/locked", "/run/not/a", "/run/cached"};
	static const char *const elsewhere[] = {"/run/lock/a", "/run/lock", "/var/run/lock/a",
		"/run/user/1000/a", "/run/cache/a", "/run/cache", "/srv/c/a", "/tmp/a",
		"/dev/shm/a", "/runner"};
	struct wb_manifest_file file = {};
	const struct wb_manifest_unit u = {.files = {&file, 1}};

	for (size_t i = 0; i < sizeof(on_run) / sizeof(*on_run); i++) {
		file.path = (char *)on_run[i];
		assert_true(wb_lies_on_run(on_run[i], fstab));
		assert_false(wb_needs_mounts(&u, fstab));
	}
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++) {
		file.path = (char *)elsewhere[i];
		assert_false(wb_lies_on_run(elsewhere[i], fstab));
		/* systemd mounts this before its first unit. */
		assert_int_equal(wb_needs_mounts(&u, fstab), strcmp(file.path, "/dev/shm/a") != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_ifupdown),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cannot_write),
		cmocka_unit_test(test_fstab),
		cmocka_unit_test(test_where_files_lie),
		cmocka_unit_test(test_own_tmp),
		cmocka_unit_test(test_root_is_writable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
