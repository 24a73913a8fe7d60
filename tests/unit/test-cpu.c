// SPDX-License-Identifier: LGPL-2.1-or-later
/* arch/x86_64-cpu.c and keep/same.h: what programs may use of the CPU, and who restricts them. */
#define _GNU_SOURCE
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/x86_64.h"
#include "fake-files.h"
#include "keep/same.h"
#include "sys/cpu.h"

#define GDS "/sys/devices/system/cpu/vulnerabilities/gather_data_sampling"
#define CPU                                                                                        \
	{                                                                                          \
		"/proc/cpuinfo", "processor\t: 0\nmodel name\t: x\nflags\t\t: fpu xsave avx avx2 " \
				 "rtm\nbugs\t\t:\n"                                                \
	}

static void words_that_mask(void **state)
{
	static const struct fake_file disk[] = {CPU, {"/proc/cmdline", "ro clearcpuid=99 quiet\n"},
		{GDS, "Vulnerable: No microcode\n"}, {}};
	static const struct {
		const char *cmdline, *want;
	} cases[] = {
		{"ro quiet", NULL},
		{"ro clearcpuid=avx", "clearcpuid=avx, which takes the CPU's feature avx away"},
		{"clearcpuid=smap,avx2 ro", "the CPU's feature avx2 away"},
		/* The CPU has no such feature; and one that is a part of another's name. */
		{"clearcpuid=avx512f", NULL},
		{"clearcpuid=av", NULL},
		/* By a number: which one is not known; but the running kernel has it, too. */
		{"clearcpuid=12", "the CPU's feature 12 away"},
		{"clearcpuid=99", NULL},
		{"noxsave", "noxsave, which takes the CPU's feature xsave away"},
		{"nofsgsbase", NULL},
		{"tsx=on", NULL},
		{"tsx=off", "the CPU's feature rtm away"},
		{"gather_data_sampling=force", "the CPU's feature avx away"},
		{"gather_data_sampling=off", NULL},
		/* The words behind it are the init's. */
		{"ro -- clearcpuid=avx", NULL},
	};
	struct wb_files files = fake_files(disk);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *why = NULL;

		assert_int_equal(wb_x86_masks(&files, cases[i].cmdline, &why), 0);
		if (!cases[i].want != !why || (why && !strstr(why, cases[i].want)))
			fail_msg("%s: %s", cases[i].cmdline, why ? why : "nothing");
		free(why);
	}
}

static void a_microcode_keeps_avx(void **state)
{
	static const struct fake_file disk[] = {CPU, {GDS, "Mitigation: Microcode\n"}, {}};
	struct wb_files files = fake_files(disk);
	char *why = NULL;

	assert_int_equal(wb_x86_masks(&files, "gather_data_sampling=force", &why), 0);
	assert_null(why);
}

static void a_cpu_that_offers_less(void **state)
{
	int64_t now[WB_CPU_OFFERS], more[WB_CPU_OFFERS];
	struct wb_criu_image image = {.cpu = {now, WB_CPU_OFFERS}};
	struct wb_error err = {};

	wb_cpu_offers(now);
	assert_int_equal(wb_same_check_cpu(&image, &err), 0);
	image.cpu.items = more;
	for (size_t i = 0; i < WB_CPU_OFFERS; i++) {
		memcpy(more, now, sizeof(more));
		more[i] |= 1ll << 62;
		if (more[i] == now[i])
			continue;
		assert_int_equal(wb_same_check_cpu(&image, &err), -EOPNOTSUPP);
		assert_non_null(strstr(err.text, "without 0x4000000000000000"));
	}
	/* It may offer more. */
	memset(more, 0, sizeof(more));
	assert_int_equal(wb_same_check_cpu(&image, &err), 0);
}

static void labels_are_compared(void **state)
{
	static const struct fake_file before[] = {
		{"/proc/7/task/7/attr/current", "one (enforce)\n"},
		{"/proc/7/task/8/attr/current", "unconfined\n"}, {}};
	static const struct fake_file other[] = {
		{"/proc/7/task/7/attr/current", "two (enforce)\n"}, {}};
	static const struct fake_file none[] = {
		{"/proc/7/task/7/attr/current", "unconfined\n"}, {}};
	struct wb_files files = fake_files(before);
	struct wb_criu_image image = {};
	const int64_t pid = 7;
	struct wb_error err = {};

	/* Twice: the second look takes the place of the first. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(wb_same_note(&files, &pid, 1, &image), 0);
	assert_int_equal(image.cpu.n, WB_CPU_OFFERS);
	assert_int_equal(image.labels.n, 1);
	assert_string_equal(image.labels.items[0].text, "one (enforce)");
	assert_int_equal(wb_same_check_labels(&files, &image, &err), 0);
	files = fake_files(other);
	assert_int_equal(wb_same_check_labels(&files, &image, &err), -EPERM);
	assert_non_null(
		strstr(err.text, "confined by one (enforce), and would be by two (enforce)"));
	files = fake_files(none);
	assert_int_equal(wb_same_check_labels(&files, &image, &err), -EPERM);
	assert_non_null(strstr(err.text, "would be by nothing now"));
	wb_criu_image_deinit(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_that_mask),
		cmocka_unit_test(a_microcode_keeps_avx),
		cmocka_unit_test(a_cpu_that_offers_less),
		cmocka_unit_test(labels_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
