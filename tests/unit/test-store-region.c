// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where a region is set aside, and the words that say so. */
#include "unit.h"
#include <stdio.h>

#include "fake-files.h"
#include "fake-store.h"
#include "store/guest-memory.h"
#include "store/region.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static bool parse(const struct wb_files *files, const char *value, struct wb_store_region *ret)
{
	char word[128];

	snprintf(word, sizeof(word), "memmap=%s", value);
	return wb_store_region_parse(files, word, ret);
}

static void words_are_read_as_the_kernel_does(void **state)
{
	static const struct {
		const char *value;
		uint64_t size, start;
	} good[] = {
		{"512M!4G", 512 * MIB, 4 * GIB},
		{"0x20000000!0x140000000", 512 * MIB, 5 * GIB},
		{"64k!1m", 64 << 10, MIB},
		{"010!8", 8, 8},
		{"1T!4P", GIB << 10, GIB << 22},
	};
	static const char *const bad[] = {"", "512M", "512M@4G", "512M$4G", "!4G", "512M!", "0!4G",
		"512M!4G,1M!5G", "-1!4G", "16E!4G", "99999999999G!1", "1!0xffffffffffffffff",
		"exactmap", "64M!4G ", "64M!4G memmap=64M!8G"};
	static const struct fake_file none[] = {{}};
	struct wb_files files = fake_files(none);
	struct wb_store_region r, again;
	char word[WB_ARCH_WORD];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(parse(&files, good[i].value, &r));
		assert_int_equal(r.size, good[i].size);
		assert_int_equal(r.start, good[i].start);
		wb_store_region_word(&files, &r, word);
		assert_memory_equal(word, "memmap=", 7);
		assert_true(wb_store_region_parse(&files, word, &again));
		assert_memory_equal(&r, &again, sizeof(r));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(&files, bad[i], &r))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void expect(const struct wb_machine *m, uint64_t bytes, uint64_t start, uint64_t size)
{
	struct wb_store_region r;
	struct wb_error err = {};

	if (wb_store_region_choose(m, bytes, &r, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(r.start, start);
	assert_int_equal(r.size, size);
}

static void the_place_is_high_and_even(void **state)
{
	WB_CLEAN_MACHINE m = {.arch = &wb_arch_x86_64};
	struct wb_store_region r;
	struct wb_error err = {};

	wb_ranges_set(&m.memory, MIB, 2047 * MIB, WB_MEMORY_RAM);
	wb_ranges_set(&m.memory, 2 * GIB, GIB, WB_MEMORY_RESERVED);
	expect(&m, 512 * MIB, 2048 * MIB - 512 * MIB, 512 * MIB);
	expect(&m, 1, 2048 * MIB - 128 * MIB, 2 * MIB);
	/* Above 4 GiB, though there is room below. */
	wb_ranges_set(&m.memory, 4 * GIB, GIB + 3 * MIB, WB_MEMORY_RAM);
	expect(&m, 512 * MIB, 4 * GIB + 512 * MIB, 512 * MIB);
	/* On a smaller border where the larger does not fit. */
	expect(&m, GIB + 2 * MIB, 4 * GIB, GIB + 2 * MIB);
	/* Around reserved memory, and the crash kernel's. */
	wb_ranges_set(&m.avoid, 4 * GIB + 700 * MIB, 100 * MIB, WB_MEMORY_RESERVED);
	expect(&m, 512 * MIB, 4 * GIB + 128 * MIB, 512 * MIB);
	expect(&m, 1000 * MIB, 1024 * MIB, 1000 * MIB);
	assert_int_equal(wb_store_region_choose(&m, 2 * GIB, &r, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "in one piece"));
	assert_int_equal(wb_store_region_choose(&m, 3 * GIB, &r, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "256 of them must be left"));
}

static void the_running_kernels_words_are_found(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/cmdline",
			"memmap=1G memmap=64M!4G ro memmap=2M$8G,32M!6G -- memmap=1M!9G\n"},
		{WB_STORE_REGION, "memmap=0x2000000!0x180000000\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	struct wb_store_region r, want;
	struct wb_error err = {};

	assert_true(wb_store_region_running(&files, 0, &r));
	assert_int_equal(r.start, 4 * GIB);
	assert_true(wb_store_region_running(&files, 1, &r));
	assert_int_equal(r.start, 6 * GIB);
	assert_false(wb_store_region_running(&files, 2, &r));
	assert_int_equal(wb_store_region_read(&files, WB_REGION_STORE, &want, &err), 0);
	assert_true(wb_store_region_in_force(&files, &want));
	/* It says nothing where it refuses. */
	r = (struct wb_store_region){1, 2};
	assert_int_equal(wb_store_region_ready(&files, 64 * MIB, &r, &err), -ENOSPC);
	assert_int_equal(r.start, 1);
	assert_int_equal(r.size, 2);
	assert_int_equal(wb_store_region_ready(&files, 32 * MIB, &r, &err), 0);
	assert_int_equal(r.start, 6 * GIB);
	want.size += 4096;
	assert_false(wb_store_region_in_force(&files, &want));
}

static void region_in_force_stays(void **state)
{
	static const char words[] = "memmap=512M!4G";
	struct fake_store f;
	struct wb_store_region r;
	struct wb_error err = {};

	fake_store_init(&f);
	fake_store_file(&f, "/proc/cmdline", "quiet memmap=512M!4G\n", 21);
	assert_true(wb_store_region_parse(&f.files, words, &r));
	assert_int_equal(wb_store_region_write(&f.sys, WB_REGION_STORE, &r, &err), 0);
	/* No look at the memory, which the fake does not have. */
	assert_true(wb_store_region_reserve(&f.sys, WB_REGION_STORE, 512 * MIB + 1, &err) < 0);
	assert_int_equal(wb_store_region_reserve(&f.sys, WB_REGION_STORE, 512 * MIB - 1, &err), 0);
	assert_int_equal(wb_store_region_read(&f.files, WB_REGION_STORE, &r, &err), 0);
	assert_int_equal(r.start, 4 * GIB);
	assert_int_equal(wb_store_region_reserve(&f.sys, WB_REGION_STORE, 0, &err), 0);
	assert_int_equal(wb_store_region_read(&f.files, WB_REGION_STORE, &r, &err), -ENOENT);
	fake_store_deinit(&f);
}

/* A machine with a GiB, of which `avoid` is not the kernel's. */
static void give_memory(struct fake_store *f)
{
	static const char iomem[] = "00001000-0009ffff : System RAM\n"
				    "00100000-3fffffff : System RAM\n";

	fake_store_file(f, "/sys/firmware/memmap/0/start", "0x100000\n", 9);
	fake_store_file(f, "/sys/firmware/memmap/0/end", "0x3fffffff\n", 11);
	fake_store_file(f, "/sys/firmware/memmap/0/type", "System RAM\n", 11);
	fake_store_file(f, "/proc/iomem", iomem, sizeof(iomem) - 1);
	fake_store_file(f, "/proc/cmdline", "quiet\n", 6);
}

/* The kernel makes one device of two that touch. */
static void two_regions_do_not_touch(void **state)
{
	struct wb_store_region store, vm;
	struct wb_error err = {};
	struct fake_store f;

	fake_store_init(&f);
	give_memory(&f);
	if (wb_store_region_reserve(&f.sys, WB_REGION_STORE, 128 * MIB, &err) < 0)
		fail_msg("%s", err.text);
	fake_store_file(&f, WB_VM_MEMORY_ID, "x", 1);
	assert_int_equal(wb_store_region_reserve(&f.sys, WB_REGION_VM, 128 * MIB, &err), 0);
	assert_int_equal(wb_store_region_read(&f.files, WB_REGION_STORE, &store, &err), 0);
	assert_int_equal(wb_store_region_read(&f.files, WB_REGION_VM, &vm, &err), 0);
	assert_int_equal(store.start, GIB - 128 * MIB);
	assert_true(vm.start + vm.size + WB_REGION_GAP <= store.start);
	/* A file system that another place may have is not taken for warmboot's. */
	assert_null(fake_store_text(&f, WB_VM_MEMORY_ID));
	assert_int_equal(wb_store_region_reserve(&f.sys, WB_REGION_VM, 0, &err), 0);
	assert_int_equal(wb_store_region_read(&f.files, WB_REGION_VM, &vm, &err), -ENOENT);
	assert_non_null(strstr(err.text, "--for=vm"));
	assert_int_equal(wb_store_region_read(&f.files, WB_REGION_STORE, &store, &err), 0);
	fake_store_deinit(&f);
}

/* As long as nobody uses it. */
static void region_makes_room_for_what_is_kept(void **state)
{
	const struct wb_handoff_range pieces[] = {
		{64 * MIB, 2 * MIB}, {GIB - 128 * MIB, 2 * MIB}, {GIB - 2 * MIB, 2 * MIB}};
	const struct wb_handoff_range all = {2 * MIB, GIB - 4 * MIB};
	struct wb_store_region r, again;
	struct wb_error err = {};
	struct fake_store f;

	fake_store_init(&f);
	give_memory(&f);
	assert_int_equal(
		wb_store_region_settle(&f.sys, WB_REGION_VM, pieces, 3, &r, &err), -ENOENT);
	assert_int_equal(wb_store_region_reserve(&f.sys, WB_REGION_VM, 128 * MIB, &err), 0);
	assert_int_equal(wb_store_region_settle(&f.sys, WB_REGION_VM, pieces, 1, &r, &err), 0);
	assert_int_equal(r.start, GIB - 128 * MIB);
	if (wb_store_region_settle(&f.sys, WB_REGION_VM, pieces, 3, &r, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(r.start + r.size + WB_REGION_GAP <= pieces[1].start);
	assert_int_equal(r.size, 128 * MIB);
	assert_int_equal(wb_store_region_read(&f.files, WB_REGION_VM, &again, &err), 0);
	assert_memory_equal(&r, &again, sizeof(r));
	assert_int_equal(
		wb_store_region_settle(&f.sys, WB_REGION_VM, &all, 1, &again, &err), -ENOSPC);
	/* One in force stays, since guests are in it. */
	fake_store_file(&f, "/proc/cmdline", fake_store_text(&f, WB_VM_REGION),
		strlen(fake_store_text(&f, WB_VM_REGION)));
	assert_int_equal(wb_store_region_settle(&f.sys, WB_REGION_VM, &all, 1, &again, &err), 0);
	assert_memory_equal(&r, &again, sizeof(r));
	fake_store_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read_as_the_kernel_does),
		cmocka_unit_test(the_place_is_high_and_even),
		cmocka_unit_test(the_running_kernels_words_are_found),
		cmocka_unit_test(region_in_force_stays),
		cmocka_unit_test(two_regions_do_not_touch),
		cmocka_unit_test(region_makes_room_for_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
