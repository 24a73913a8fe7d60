// SPDX-License-Identifier: LGPL-2.1-or-later
/* Staging with a watchdog: when purgatory gets the steps that arm it, and when the load goes without, or fails. */
#define _GNU_SOURCE
#include "unit.h"

#include "fake-sys.h"
#include "purgatory/purgatory.h"
#include "samples.h"
#include "stage/stage.h"
#include "warmboot.h"

#define KERNEL "/boot/vmlinuz"
#define MODULES "/usr/lib/modules/7.2.0/"
#define DISK "/sys/devices/pci0000:00/0000:00:03.0/virtio1/block/vda"
#define ELF "\177ELF"

struct fixture {
	struct fake_sys fake;
	struct fake_file disk[24];
	uint8_t elf[SAMPLE_ELF_SIZE], packed[2048], kernel[4096];
	struct wb_load_options o;
	struct wb_load_watchdog dog;
	struct wb_stage *stage;
	struct wb_error err;
};

/* A machine with a root that a warm initramfs is made for; all but the watchdog's driver is built in. */
static const struct fake_file machine[] = {
	{"/sys/firmware/memmap/0/start", "0x100000\n"},
	{"/sys/firmware/memmap/0/end", "0x3fffffff\n"},
	{"/sys/firmware/memmap/0/type", "System RAM\n"},
	{"/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable:   800000 kB\n"},
	{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
	{"/proc/sys/kernel/osrelease", "6.1.0-test\n"},
	{"/proc/self/mountinfo", "1 1 0:2 / / rw - rootfs rootfs rw\n"
				 "25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
				 "30 25 0:22 / /dev/pts rw - devpts devpts rw,gid=5,mode=620\n"},
	{"/sys/dev/block/254:1",
		.link = "../../devices/pci0000:00/0000:00:03.0/virtio1/block/vda/vda1"},
	{DISK "/vda1/dev", "254:1\n"},
	{DISK "/vda1/partition", "1\n"},
	{DISK "/serial", "disk 7\n"},
	{"/run/udev/data/b254:1",
		"E:ID_FS_UUID=1111-22\nE:ID_FS_TYPE=ext4\nS:disk/by-uuid/1111-22\n"},
	{MODULES "modules.dep", "kernel/i6300esb.ko: kernel/watchdog.ko\nkernel/watchdog.ko:\n"},
	{MODULES "modules.builtin", "kernel/ext4.ko\n"},
	{MODULES "kernel/i6300esb.ko", ELF "esb"},
	{MODULES "kernel/watchdog.ko", ELF "core"},
	{},
};

static const char *const modules[] = {"i6300esb"}, *const absent[] = {"other"};
static const struct wb_reg_step steps[] = {{.space = WB_REG_PCI, .width = 1, .address = 0x2068},
	{.space = WB_REG_PORT, .width = 1, .address = 0x443, .set = 5}};

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	size_t n;

	fake_sys_init(&f->fake, f->disk);
	sample_elf(f->elf);
	n = sample_stored_gzip(f->packed, (struct wb_bytes){f->elf, sizeof(f->elf)});
	n = sample_bzimage(f->kernel, (struct wb_bytes){f->packed, n}, sizeof(f->elf));
	memcpy(f->disk, machine, sizeof(machine));
	f->disk[sizeof(machine) / sizeof(*machine) - 1] =
		(struct fake_file){KERNEL, (const char *)f->kernel, n};
	f->dog = (struct wb_load_watchdog){.name = "i6300esb",
		.device = "0000:00:04.0",
		.modules = modules,
		.n_modules = 1,
		.identity = "i6300ESB timer",
		.arm = steps,
		.n_arm = 2,
		.stop = steps,
		.n_stop = 1,
		.seconds = 60,
		.trial = 600};
	f->o = (struct wb_load_options){.size = sizeof(f->o),
		.kernel = KERNEL,
		.release = "7.2.0",
		.cmdline = "root=UUID=1111-22",
		.watchdog = &f->dog};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_stage_free(f->stage);
	fake_sys_deinit(&f->fake);
	test_free(f);
	return 0;
}

static int prepare(struct fixture *f)
{
	wb_stage_free(f->stage);
	f->stage = NULL;
	f->err = (struct wb_error){};
	return wb_stage_prepare(&f->fake.sys, &f->o, &f->stage, &f->err);
}

static struct wb_stage_info prepared(struct fixture *f)
{
	if (prepare(f) < 0)
		fail_msg("%s", f->err.text);
	return wb_stage_info(f->stage);
}

/* Of the plan's purgatory; -1: there is none. */
static int n_steps(const struct fixture *f)
{
	for (size_t i = 0; i < f->stage->plan.n; i++)
		if (!strcmp(f->stage->plan.segments[i].name, "purgatory"))
			return (int)((const struct wb_purgatory_args *)(f->stage->plan.segments[i]
										.buf +
									wb_purgatory_args_offset))
				->n_steps;
	return -1;
}

static bool initrd_has(const struct fixture *f, const char *text)
{
	return f->stage->initrd.size &&
	       memmem(f->stage->initrd.data, f->stage->initrd.size, text, strlen(text));
}

/* Without being needed the load goes without; else it fails, and nothing is loaded. */
static void expect_unguarded(struct fixture *f, const char *why)
{
	struct wb_stage_info info;

	f->dog.needed = false;
	info = prepared(f);
	assert_false(info.guarded || info.guarded_late);
	if (!info.unguarded_why || !strstr(info.unguarded_why, why))
		fail_msg("%s", info.unguarded_why);
	assert_true(n_steps(f) <= 0);
	assert_false(initrd_has(f, "watchdog i6300esb"));
	f->dog.needed = true;
	assert_int_equal(prepare(f), -EOPNOTSUPP);
	assert_non_null(strstr(f->err.text, "no watchdog can guard this jump: "));
	assert_non_null(strstr(f->err.text, why));
	assert_int_equal(f->fake.loads + f->fake.file_loads, 0);
}

static void purgatory_arms_what_the_warm_init_takes_over(void **state)
{
	struct fixture *f = *state;

	for (enum wb_method method = WB_METHOD_AUTO; method <= WB_METHOD_SEGMENTS; method++) {
		struct wb_stage_info info;

		f->o.method = method;
		info = prepared(f);
		assert_true(info.guarded && info.guarded_late);
		assert_null(info.unguarded_why);
		assert_int_equal(n_steps(f), 2);
		assert_true(
			initrd_has(f, "module watchdog \nmodule i6300esb \n"
				      "watchdog-stop 2068 0 0 2 1\n"
				      "watchdog i6300esb 0000:00:04.0 i6300ESB_timer 60 600 0\n"));
	}
}

static void user_space_is_guarded_only_if_it_can_say_that_it_is_up(void **state)
{
	static const char *const words[] = {"init=/bin/sh", "systemd.unit=rescue.target",
		"systemd.mask=x.service", "emergency", "rescue", "single", "1", "-b"};
	struct fixture *f = *state;
	struct wb_stage_info info;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		f->o.append = words[i];
		info = prepared(f);
		assert_true(info.guarded && !info.guarded_late);
		assert_true(initrd_has(f, " i6300ESB_timer 60 0 0\n"));
	}
	f->o.append = NULL;
	f->dog.modules = absent;
	info = prepared(f);
	assert_true(info.guarded && !info.guarded_late);
	assert_true(initrd_has(f, "watchdog i6300esb 0000:00:04.0 - 60 600 0\n"));
}

static void without_the_warm_initramfs_no_watchdog_is_armed(void **state)
{
	struct fixture *f = *state;

	f->o.initramfs = WB_INITRAMFS_OWN;
	expect_unguarded(f, "only the warm initramfs takes a watchdog over, and the entry's own");
	f->o.initramfs = WB_INITRAMFS_AUTO;
	f->o.cmdline = "root=/dev/sdz9";
	expect_unguarded(f, "none was built: ");
}

static void without_a_purgatory_of_warmboot_no_watchdog_is_armed(void **state)
{
	struct fixture *f = *state;

	f->o.method = WB_METHOD_FILE;
	expect_unguarded(f, "the running kernel brings its own code between the two kernels");
}

static void a_device_that_runs_on_needs_a_driver_and_no_purgatory(void **state)
{
	struct fixture *f = *state;
	struct wb_stage_info info;

	f->dog.runs_on = true;
	f->dog.n_arm = f->dog.n_stop = 0;
	f->o.method = WB_METHOD_FILE;
	info = prepared(f);
	assert_true(info.guarded && info.guarded_late);
	assert_true(initrd_has(f, "watchdog i6300esb 0000:00:04.0 i6300ESB_timer 60 600 0\n"));
	f->dog.modules = absent;
	expect_unguarded(f, "the next kernel has no driver for it");
}

static void without_a_wish_nothing_is_said_of_a_watchdog(void **state)
{
	struct fixture *f = *state;

	f->o.watchdog = NULL;
	assert_null(prepared(f).unguarded_why);
	assert_false(wb_stage_info(f->stage).guarded);
	assert_int_equal(n_steps(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(purgatory_arms_what_the_warm_init_takes_over),
		TEST(user_space_is_guarded_only_if_it_can_say_that_it_is_up),
		TEST(without_the_warm_initramfs_no_watchdog_is_armed),
		TEST(without_a_purgatory_of_warmboot_no_watchdog_is_armed),
		TEST(a_device_that_runs_on_needs_a_driver_and_no_purgatory),
		TEST(without_a_wish_nothing_is_said_of_a_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
