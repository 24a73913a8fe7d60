// SPDX-License-Identifier: LGPL-2.1-or-later
/* store/guest-memory.c: the file system of the region for guests. */
#include <errno.h>
#include <string.h>

#include "fake-runner.h"
#include "fake-store.h"
#include "purgatory/handoff.h"
#include "store/guest-memory.h"
#include "unit.h"

#define MIB (1ull << 20)
#define WORD "memmap=32M!2M"
#define NAMESPACE "/sys/bus/nd/devices/namespace0.0/"
#define UUID "31313131-3131-3131-3131-313131313131"

struct fixture {
	struct fake_store store;
	struct fake_runner runner;
};

static int make_dir(void *ctx, const char *path, unsigned mode)
{
	return 0;
}

static void put(struct fixture *f, const char *path, const char *text)
{
	fake_store_file(&f->store, path, text, strlen(text));
}

/* A boot by kexec with the region, its device and what warmboot made there before. */
static void begin(struct fixture *f)
{
	uint8_t *super;

	fake_store_init(&f->store);
	f->store.sys.make_dir = make_dir;
	f->store.env.sys = &f->store.sys;
	fake_runner_init(&f->runner, NULL);
	put(f, WB_VM_REGION, WORD "\n");
	put(f, "/proc/cmdline", "quiet " WORD "\n");
	put(f, "/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/vda rw\n");
	put(f, "/proc/sys/kernel/bootloader_type", "208\n");
	put(f, NAMESPACE "resource", "0x200000\n");
	put(f, NAMESPACE "size", "33554432\n");
	put(f, NAMESPACE "block/pmem0", "");
	put(f, "/dev/pmem0", "");
	put(f, WB_VM_MEMORY_ID, UUID);
	super = fake_store_ram(&f->store) + 2 * MIB + 1024;
	memcpy(super + 0x38, "\x53\xef", 2);
	memset(super + 0x68, 0x31, 16);
}

static struct wb_vm_memory mounted(struct fixture *f, const char *why)
{
	struct wb_error told = {}, err = {};
	struct wb_vm_memory now;

	if (wb_vm_memory_mount(&f->store.env, &f->runner.runner, &now, &told, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(now.mounted);
	if (why && !strstr(told.text, why))
		fail_msg("\"%s\" is not in: %s", why, told.text);
	if (!why)
		assert_int_equal(told.code, 0);
	return now;
}

static bool ran(const struct fixture *f, const char *words)
{
	return strstr(f->runner.log, words);
}

static void it_is_there_again_after_a_jump(void **state)
{
	const struct wb_handoff h = {
		.magic = WB_HANDOFF_MAGIC, .version = WB_HANDOFF_VERSION, .size = sizeof(h)};
	struct fixture f;

	/* A kernel that warmboot has placed does not know who loaded it. */
	begin(&f);
	put(&f, "/proc/sys/kernel/bootloader_type", "255\n");
	fake_store_file(&f.store, "/sys/kernel/boot_params/setup_data/0/data", &h, sizeof(h));
	assert_true(mounted(&f, NULL).dax);
	assert_false(ran(&f, "mkfs"));
	fake_store_deinit(&f.store);

	begin(&f);
	assert_true(mounted(&f, NULL).dax);
	assert_true(ran(&f, "modprobe -a nd_pmem nd_e820\n"));
	assert_true(ran(&f, "mount -t ext4 -o nosuid,nodev,noexec,noatime,dax=always /dev/pmem0 "
			    "/dev/vm-memory\n"));
	assert_false(ran(&f, "mkfs"));
	assert_false(ran(&f, "chmod"));
	fake_store_deinit(&f.store);
}

/* Memory without power loses bits, and what somebody else has left there is no file system of warmboot's. */
static void it_is_made_anew_in_every_other_boot(void **state)
{
	static const struct {
		const char *path, *text;
	} others[] = {
		{"/proc/sys/kernel/bootloader_type", "114\n"},
		{WB_VM_MEMORY_ID, "31313131-3131-3131-3131-313131313132"},
		{WB_VM_MEMORY_ID, "3131"},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct fixture f;
		const char *id;

		begin(&f);
		put(&f, others[i].path, others[i].text);
		assert_true(mounted(&f, NULL).dax);
		id = fake_store_text(&f.store, WB_VM_MEMORY_ID);
		assert_int_equal(strlen(id), 36);
		assert_true(ran(&f, "mkfs.ext4 -q -F -b 4096"));
		assert_non_null(strstr(strstr(f.runner.log, "mkfs.ext4"), id));
		assert_true(ran(&f, "dax=always /dev/pmem0"));
		assert_true(ran(&f, "chmod 0700 /dev/vm-memory\nchgrp kvm /dev/vm-memory\n"
				    "chmod 1770 /dev/vm-memory\n"));
		fake_store_deinit(&f.store);
	}
}

/* No program has the group, and so only root has the memory. */
static void it_is_roots_without_a_group_of_its_users(void **state)
{
	static const struct fake_answer none[] = {{"chgrp", -EIO, NULL}, {}};
	struct fixture f;

	begin(&f);
	put(&f, WB_VM_MEMORY_ID, "");
	f.runner.answers = none;
	assert_true(mounted(&f, NULL).dax);
	assert_true(ran(&f, "chmod 0700"));
	assert_false(ran(&f, "chmod 1770"));
	fake_store_deinit(&f.store);
}

/* Guests start all the same, and it is told why their memory is another one. */
static void guests_get_ordinary_memory_where_there_is_no_region(void **state)
{
	static const struct fake_answer no_mkfs[] = {{"mkfs", -ENOENT, NULL}, {}};
	static const struct fake_answer no_dax[] = {{"mount -t ext4", -EINVAL, NULL}, {}};
	static const char tmpfs[] =
		"mount -t tmpfs -o nosuid,nodev,noexec,mode=0700,size=33554432 warmboot-vm "
		"/dev/vm-memory\n";
	struct fixture f;

	begin(&f);
	put(&f, "/proc/cmdline", "quiet memmap=32M!4M\n");
	assert_false(mounted(&f, "does not set the region aside").dax);
	assert_true(ran(&f, tmpfs));
	assert_false(ran(&f, "mkfs"));
	fake_store_deinit(&f.store);

	begin(&f);
	put(&f, WB_VM_MEMORY_ID, "");
	f.runner.answers = no_mkfs;
	assert_false(mounted(&f, "no file system for guests can be made: mkfs.ext4").dax);
	assert_true(ran(&f, tmpfs));
	fake_store_deinit(&f.store);

	/* One that cannot be mounted after a jump is made anew first. */
	begin(&f);
	f.runner.answers = no_dax;
	assert_false(mounted(&f, "mount").dax);
	assert_true(ran(&f, "mkfs"));
	assert_true(ran(&f, tmpfs));
	fake_store_deinit(&f.store);
}

static void it_is_mounted_once(void **state)
{
	static const char both[] = "22 1 8:1 / / rw - ext4 /dev/vda rw\n"
				   "23 22 0:5 / /dev rw - devtmpfs dev rw\n"
				   "24 23 259:0 / /dev/vm-memory rw - ext4 /dev/pmem0 rw,dax\n";
	struct wb_error why = {}, err = {};
	struct wb_vm_memory now;
	struct fixture f;

	begin(&f);
	put(&f, "/proc/self/mountinfo", both);
	assert_true(mounted(&f, NULL).dax);
	assert_string_equal(f.runner.log, "");
	fake_store_file(&f.store, WB_VM_REGION, NULL, 0);
	assert_int_equal(
		wb_vm_memory_mount(&f.store.env, &f.runner.runner, &now, &why, &err), -ENOENT);
	fake_store_deinit(&f.store);
}

/* Only there the next kernel leaves a guest's memory alone. */
static void only_the_region_is_good_for_memory_in_a_file(void **state)
{
	struct wb_error err = {};
	struct fixture f;

	begin(&f);
	assert_int_equal(wb_vm_memory_check(&f.store.files, 2 * MIB, 32 * MIB, &err), 0);
	assert_int_equal(wb_vm_memory_check(&f.store.files, 4 * MIB, 32 * MIB, &err), -EOPNOTSUPP);
	assert_int_equal(wb_vm_memory_check(&f.store.files, 0, 0, &err), -EOPNOTSUPP);
	put(&f, "/proc/cmdline", "quiet\n");
	assert_int_equal(wb_vm_memory_check(&f.store.files, 2 * MIB, 32 * MIB, &err), -EOPNOTSUPP);
	put(&f, "/proc/cmdline", WORD "\n");
	fake_store_file(&f.store, WB_VM_REGION, NULL, 0);
	assert_int_equal(wb_vm_memory_check(&f.store.files, 2 * MIB, 32 * MIB, &err), -EOPNOTSUPP);
	fake_store_deinit(&f.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_there_again_after_a_jump),
		cmocka_unit_test(it_is_made_anew_in_every_other_boot),
		cmocka_unit_test(it_is_roots_without_a_group_of_its_users),
		cmocka_unit_test(guests_get_ordinary_memory_where_there_is_no_region),
		cmocka_unit_test(it_is_mounted_once),
		cmocka_unit_test(only_the_region_is_good_for_memory_in_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
