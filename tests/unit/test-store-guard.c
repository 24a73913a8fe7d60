// SPDX-License-Identifier: LGPL-2.1-or-later
/* Persistent memory of other owners keeps its driver and its contents. */
#define _GNU_SOURCE
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake-store.h"
#include "store/impl.h"

#define MIB (1ull << 20)
#define DEVICE "/sys/devices/platform/e820_pmem"
#define UNBIND "/sys/bus/platform/drivers/e820_pmem/unbind"
#define REGION (8 * MIB)

struct fixture {
	struct fake_store machine;
	struct wb_store *store;
	struct wb_error err;
	char iomem[512];
};

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fake_store_init(&f->machine);
	fake_store_file(&f->machine, DEVICE, "", 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_store_close(f->store);
	assert_int_equal(f->machine.areas, 0);
	fake_store_deinit(&f->machine);
	test_free(f);
	return 0;
}

static void ok(struct fixture *f, int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, f->err.text);
}

static void close_store(struct fixture *f)
{
	wb_store_close(f->store);
	f->store = NULL;
}

static void persistent(struct fixture *f, uint64_t start, uint64_t size)
{
	size_t n = strlen(f->iomem);

	snprintf(f->iomem + n, sizeof(f->iomem) - n, "%08llx-%08llx : Persistent Memory (legacy)\n",
		(unsigned long long)start, (unsigned long long)(start + size - 1));
	fake_store_file(&f->machine, "/proc/iomem", f->iomem, strlen(f->iomem));
}

static void set_region(struct fixture *f)
{
	fake_store_file(
		&f->machine, "/var/lib/warmboot/store-region", "memmap=0x2000000!0x800000\n", 26);
	fake_store_file(&f->machine, "/proc/cmdline", "memmap=32M!8M quiet\n", 20);
}

/* A carved store, handed on to this boot. */
static void cross(struct fixture *f)
{
	const struct wb_load_store *load;

	ok(f, wb_store_create(&f->machine.env, "carve", MIB, &f->store, &f->err));
	ok(f, wb_store_put(f->store, "x", (struct wb_bytes){(uint8_t *)"x", 1}, &f->err));
	ok(f, wb_store_seal(f->store, &f->err));
	load = wb_store_load(f->store);
	for (size_t i = 0; i < load->n_ranges; i++)
		persistent(f, load->ranges[i].start, load->ranges[i].size);
	fake_store_jump(&f->machine, load);
	close_store(f);
}

/* The work of each program of warmboot in each boot. */
static int attach(struct fixture *f)
{
	int r = wb_store_attach(&f->machine.env, &f->store, &f->err);

	close_store(f);
	return r;
}

static void untouched(struct fixture *f)
{
	assert_null(fake_store_text(&f->machine, DEVICE "/driver_override"));
	assert_null(fake_store_text(&f->machine, UNBIND));
}

static void a_machine_without_a_store(void **state)
{
	struct fixture *f = *state;

	persistent(f, 64 * MIB, 32 * MIB);
	assert_int_equal(attach(f), -ENOENT);
	untouched(f);
	fake_store_file(&f->machine, DEVICE "/driver", "", 0);
	assert_int_equal(attach(f), -ENOENT);
	assert_int_equal(wb_store_wipe_any(&f->machine.env, &f->err), -ENOENT);
	assert_int_equal(wb_store_wipe_left(&f->machine.env, true, &f->err), 0);
	untouched(f);
	assert_int_equal(f->machine.modules, 0);
	/* Under lockdown nothing is touched either. */
	fake_store_file(&f->machine, "/sys/kernel/security/lockdown", "none [integrity]\n", 17);
	assert_int_equal(attach(f), -ENOENT);
	assert_int_equal(f->machine.modules, 0);
}

/* The administrator's own memmap=, with his file system, or anything else. */
static void a_region_without_a_header(void **state)
{
	struct fixture *f = *state;
	uint8_t *ram = fake_store_ram(&f->machine);

	fake_store_file(&f->machine, "/proc/cmdline", "memmap=32M!8M quiet\n", 20);
	persistent(f, REGION, 32 * MIB);
	memset(ram + REGION, 0xa5, 32 * MIB);
	assert_int_equal(attach(f), -ENOENT);
	untouched(f);
	/* Nearly a header. */
	memcpy(ram + REGION, &(struct wb_store_header){.magic = WB_STORE_MAGIC, .size = 2 * MIB},
		sizeof(struct wb_store_header));
	attach(f);
	untouched(f);
}

static void a_store_that_is_wiped(void **state)
{
	struct fixture *f = *state;

	cross(f);
	ok(f, wb_store_wipe_any(&f->machine.env, &f->err));
	fake_store_file(&f->machine, DEVICE "/driver_override", NULL, 0);
	assert_int_equal(attach(f), -ENOENT);
	untouched(f);
}

static void all_of_it_is_ours(void **state)
{
	struct fixture *f = *state;

	cross(f);
	/* A region that was set aside belongs to warmboot, even if it is empty. */
	set_region(f);
	persistent(f, REGION, 32 * MIB);
	fake_store_file(&f->machine, DEVICE "/driver", "", 0);
	ok(f, attach(f));
	assert_string_equal(fake_store_text(&f->machine, DEVICE "/driver_override"), "warmboot\n");
	assert_string_equal(fake_store_text(&f->machine, UNBIND), "e820_pmem");
}

static void others_have_some_too(void **state)
{
	struct fixture *f = *state;

	cross(f);
	persistent(f, 1ull << 32, 32 * MIB);
	ok(f, attach(f));
	untouched(f);
	/* It is called, because the store is read through it, then. */
	assert_int_equal(f->machine.modules, 2);
	fake_store_file(&f->machine, DEVICE "/driver", "", 0);
	ok(f, attach(f));
	ok(f, wb_store_wipe_any(&f->machine.env, &f->err));
	untouched(f);
	assert_int_equal(f->machine.modules, 2);
}

/* ---- a store in a region for the first time ---- */

static void what_ram_held_before(void **state)
{
	struct fixture *f = *state;
	uint8_t *ram = fake_store_ram(&f->machine);
	WB_CLEAN_BLOB got = {};

	set_region(f);
	persistent(f, REGION, 32 * MIB);
	memset(ram, 0xa5, FAKE_STORE_RAM);
	ok(f, wb_store_create(&f->machine.env, "pmem", 4 * MIB, &f->store, &f->err));
	ok(f, wb_store_put(f->store, "x", (struct wb_bytes){(uint8_t *)"abc", 3}, &f->err));
	ok(f, wb_store_seal(f->store, &f->err));
	fake_store_jump(&f->machine, wb_store_load(f->store));
	close_store(f);
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
	ok(f, wb_store_read(f->store, "x", 10, &got, &f->err));
	assert_string_equal((char *)got.data, "abc");
	assert_int_equal(ram[REGION - 1], 0xa5);
	assert_int_equal(ram[REGION + 32 * MIB], 0xa5);
}

static void what_somebody_put_there(void **state)
{
	static const struct {
		size_t off;
		const char *magic;
		size_t n;
		const char *name;
	} list[] = {
		{1080, "\x53\xef", 2, "ext4"},
		{0, "XFSB", 4, "XFS"},
		{65600, "_BHRfS_M", 8, "btrfs"},
		{4086, "SWAPSPACE2", 10, "swap"},
		{510, "\x55\xaa", 2, "partitions"},
		{512, "EFI PART", 8, "partitions"},
		{512, "LABELONE", 8, "LVM"},
		{0, "LUKS\xba\xbe", 6, "LUKS"},
		{4096, "\xfc\x4e\x2b\xa9", 4, "RAID"},
		{4096, "NVDIMM_PFN_INFO", 16, "fsdax"},
		{4096, "NVDIMM_DAX_INFO", 16, "devdax"},
		{4096, "BTT_ARENA_INFO", 15, "BTT"},
	};
	struct fixture *f = *state;
	uint8_t *at = fake_store_ram(&f->machine) + REGION;
	uint8_t *before = test_malloc(32 * MIB);

	set_region(f);
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		memset(at, 0xa5, 32 * MIB);
		memcpy(at + list[i].off, list[i].magic, list[i].n);
		memcpy(before, at, 32 * MIB);
		assert_int_equal(
			wb_store_create(&f->machine.env, "pmem", MIB, &f->store, &f->err), -EBUSY);
		if (!strstr(f->err.text, list[i].name))
			fail_msg("not \"%s\": %s", list[i].name, f->err.text);
		assert_memory_equal(at, before, 32 * MIB);
		assert_null(fake_store_text(&f->machine, WB_STORE_STATE));
		/* It is not wiped either. */
		assert_int_equal(wb_store_wipe_left(&f->machine.env, true, &f->err), 0);
		assert_int_equal(wb_store_wipe_any(&f->machine.env, &f->err), -ENOENT);
		assert_memory_equal(at, before, 32 * MIB);
	}
	test_free(before);
}

/* The word alone, without "warmboot store reserve", does not set a region aside. */
static void a_region_that_was_not_reserved(void **state)
{
	struct fixture *f = *state;

	fake_store_file(&f->machine, "/proc/cmdline", "memmap=32M!8M quiet\n", 20);
	memset(fake_store_ram(&f->machine), 0xa5, FAKE_STORE_RAM);
	assert_int_equal(
		wb_store_create(&f->machine.env, "pmem", MIB, &f->store, &f->err), -EOPNOTSUPP);
	assert_int_equal(fake_store_ram(&f->machine)[REGION], 0xa5);
}

/* It has an old header of a store, and has been made into a disk since then. */
static void a_region_that_became_a_disk(void **state)
{
	struct fixture *f = *state;
	uint8_t *ram = fake_store_ram(&f->machine);

	set_region(f);
	ok(f, wb_store_create(&f->machine.env, "pmem", MIB, &f->store, &f->err));
	close_store(f);
	fake_store_boot(&f->machine);
	fake_store_file(&f->machine, "/sys/bus/nd/devices/namespace0.0/resource", "0x800000\n", 9);
	fake_store_file(&f->machine, "/sys/bus/nd/devices/namespace0.0/size", "33554432\n", 9);
	fake_store_file(&f->machine, "/sys/bus/nd/devices/namespace0.0/block/pmem0/size", "1\n", 2);
	f->machine.claimed = 1;
	memset(ram + REGION + 4096, 0x77, 4096);
	assert_int_equal(wb_store_wipe_left(&f->machine.env, true, &f->err), 0);
	assert_int_equal(wb_store_wipe_any(&f->machine.env, &f->err), -EBUSY);
	f->machine.claimed = -EPERM;
	assert_int_equal(wb_store_wipe_any(&f->machine.env, &f->err), -EBUSY);
	assert_int_equal(ram[REGION + 4096], 0x77);
	f->machine.claimed = 0;
	assert_int_equal(wb_store_wipe_any(&f->machine.env, &f->err), 0);
	assert_int_equal(ram[REGION + 4096], 0);
}

/* As /dev/mem's pages when a driver takes the memory: a file that has become shorter. */
static void memory_that_is_taken_away(void **state)
{
	const struct wb_store_io *io = &wb_store_io_host;
	int fd = memfd_create("taken", MFD_CLOEXEC);
	uint8_t *at, got[8192];

	assert_int_equal(ftruncate(fd, 8192), 0);
	at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(at, 7, 8192);
	assert_int_equal(io->copy(NULL, at, got, 8192), 0);
	assert_memory_equal(at, got, 8192);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(io->copy(NULL, at, got, 8192), -EFAULT);
	munmap(at, 8192);
	close(fd);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_machine_without_a_store),
		TEST(a_region_without_a_header),
		TEST(a_store_that_is_wiped),
		TEST(all_of_it_is_ours),
		TEST(others_have_some_too),
		TEST(what_ram_held_before),
		TEST(what_somebody_put_there),
		TEST(a_region_that_was_not_reserved),
		TEST(a_region_that_became_a_disk),
		TEST(memory_that_is_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
