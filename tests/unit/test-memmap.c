// SPDX-License-Identifier: LGPL-2.1-or-later
/* arch/x86_64-memmap.c: words of a command line that change the map of memory. */
#include <inttypes.h>
#include <stdio.h>

#include "unit.h"
#include "arch/arch.h"
#include "arch/x86_64-memmap.h"

#define MIB (1ull << 20)

/* RAM is 0 to 1 MiB and 4 MiB to 100 MiB; `want`: the rest of it, in MiB. */
static void assert_left(const char *cmdline, const char *want)
{
	WB_CLEAN_RANGES ram = {};
	char got[200] = "";
	size_t n = 0;

	wb_ranges_set(&ram, 0, MIB, 1);
	wb_ranges_set(&ram, 4 * MIB, 96 * MIB, 1);
	assert_int_equal(wb_memmap_obey(cmdline, &ram), 0);
	for (size_t i = 0; i < ram.n; i++)
		n += (size_t)sprintf(got + n, "%s%llu-%llu", n ? " " : "", ram.items[i].start / MIB,
			(ram.items[i].start + ram.items[i].size) / MIB);
	if (strcmp(got, want))
		fail_msg("%s: \"%s\", not \"%s\"", cmdline, got, want);
}

static void what_is_taken_away_is_no_ram(void **state)
{
	assert_left("quiet", "0-1 4-100");
	assert_left("memmap=1M$10M memmap=1M!20M,1M#30M", "0-1 4-10 11-20 21-30 31-100");
	/* Done though something follows, as the kernel does. */
	assert_left("memmap=1M$10Mxyz", "0-1 4-10 11-100");
	/* No digits are 0. */
	assert_left("memmap=1M$", "4-100");
	assert_left("memmap=0x1000000$90M", "0-1 4-90");
	assert_left("memmap=90M$18446744073709551615", "0-1 4-100");
	assert_left("memmap=16383P$50M", "0-1 4-50");
	assert_left("memmap=nonsense,,1M$10M,-1M$20M", "0-1 4-10 11-100");
	assert_left("a -- memmap=1M$10M", "0-1 4-100");
}

static void a_size_alone_is_a_limit(void **state)
{
	assert_left("mem=50M", "0-1 4-50");
	assert_left("memmap=50M", "0-1 4-50");
	assert_left("memmap=50Mx", "0-1 4-50");
	assert_left("mem=nopentium mem=0", "0-1 4-100");
	assert_left("memmap=0", "");
	assert_left("mem=50M mem=60M", "0-1 4-50");
}

static void types_are_changed(void **state)
{
	assert_left("memmap=10M%10M-1+12", "0-1 4-10 20-100");
	assert_left("memmap=10M%10M+2", "0-1 4-10 20-100");
	assert_left("memmap=10M%10M-1", "0-1 4-10 20-100");
	assert_left("memmap=10M%10M", "0-1 4-10 20-100");
	assert_left("memmap=10M%10M-0x1+0xefffffff", "0-1 4-10 20-100");
	/* Of another type, or to RAM: nothing that was RAM goes. */
	assert_left("memmap=10M%10M-4+2", "0-1 4-100");
	assert_left("memmap=10M%10M-1+1", "0-1 4-100");
	assert_left("memmap=10M%10M-1+2x", "0-1 4-100");
	/* It is no limit of 10 MiB. */
	assert_left("memmap=10M%50M-4+2,1M$20M", "0-1 4-20 21-100");
}

static void an_exact_map_names_all_ram(void **state)
{
	assert_left("memmap=exactmap", "");
	assert_left("memmap=exactmap memmap=1M@0,50M@10M", "0-1 10-60");
	assert_left("memmap=exactmap,50M@2M,1M@2000M", "4-52");
	/* exactmap forgets the earlier parts; later parts still remove memory. */
	assert_left("memmap=50M@4M memmap=exactmap,10M@4M", "4-14");
	assert_left("memmap=exactmap,50M@4M,10M$20M,40M", "4-20 30-40");
	/* More RAM than the machine has is not made. */
	assert_left("memmap=50M@200M", "0-1 4-100");
}

static void a_number_that_does_not_fit_is_an_error(void **state)
{
	static const char *const bad[] = {"mem=18446744073709551616", "memmap=17E",
		"memmap=1M$0x10000000000000000", "memmap=1M,1M%1M-99999999999999999999"};
	WB_CLEAN_RANGES ram = {};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(wb_memmap_obey(bad[i], &ram), -ERANGE);
}

static bool sets_aside(const char *cmdline)
{
	return wb_arch_sets_aside(&wb_arch_x86_64, cmdline, 4ull << 30, 512 * MIB);
}

/* A word that begins with the same digits is another region; other digits may say the same. */
static void a_part_is_known_by_its_numbers(void **state)
{
	struct wb_memmap got;

	assert_true(sets_aside("ro memmap=0x20000000!0x100000000 quiet"));
	assert_true(sets_aside("memmap=512M!4G"));
	assert_true(sets_aside("memmap=64K$1M,512M!4G,exactmap"));
	assert_true(sets_aside("memmap=18446744073709551616!1 memmap=512M!4G"));
	assert_false(sets_aside("memmap=0x20000000!0x1000000000"));
	assert_false(sets_aside("memmap=1512M!4G xmemmap=512M!4G"));
	assert_false(sets_aside("memmap=512M@4G"));
	assert_false(sets_aside("quiet -- memmap=512M!4G"));
	assert_true(wb_memmap_find("memmap=1M!1G,2M!2G memmap=3M!3G", '!', 2, &got));
	assert_int_equal(got.start, 3ull << 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_away_is_no_ram),
		cmocka_unit_test(a_size_alone_is_a_limit),
		cmocka_unit_test(types_are_changed),
		cmocka_unit_test(an_exact_map_names_all_ram),
		cmocka_unit_test(a_part_is_known_by_its_numbers),
		cmocka_unit_test(a_number_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
