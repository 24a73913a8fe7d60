// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ids of kernels: of the running one, and of one in a file. */
#include <errno.h>

#include "core/kernel-id.h"
#include "image/image.h"
#include "sample-pairs.h"
#include "session/pairs.h"
#include "sys/machine.h"

static void a_build_id_is_found_among_notes(void **state)
{
	uint8_t other[NOTES_SIZE];
	WB_CLEAN_STR id = NULL;
	char *none = NULL;

	assert_int_equal(wb_kernel_id_parse(bytes(sample_notes, NOTES_SIZE), &id), 0);
	assert_string_equal(id, NOTES_ID);
	assert_int_equal(wb_kernel_id_parse(bytes(sample_notes, 24), &none), -ENOENT);
	assert_int_equal(wb_kernel_id_parse(bytes(sample_notes, NOTES_SIZE - 1), &none), -EBADMSG);
	memcpy(other, sample_notes, NOTES_SIZE);
	other[24] = 5; /* another owner's length */
	assert_true(wb_kernel_id_parse(bytes(other, NOTES_SIZE), &none) < 0);
	memcpy(other, sample_notes, NOTES_SIZE);
	other[28] = 4; /* an id of four bytes */
	assert_int_equal(wb_kernel_id_parse(bytes(other, NOTES_SIZE), &none), -EBADMSG);
	memcpy(other, sample_notes, NOTES_SIZE);
	memset(other + 4, 0xff, 4); /* a note of 4 GiB */
	assert_int_equal(wb_kernel_id_parse(bytes(other, NOTES_SIZE), &none), -EBADMSG);
	assert_null(none);
}

static void ids_are_digits_or_names(void **state)
{
	WB_CLEAN_STR name = NULL;
	char *none = NULL;

	assert_true(wb_valid_kernel_id(BUILD_A));
	assert_true(wb_valid_kernel_id(NAME_A));
	assert_true(wb_valid_kernel_name(NAME_A));
	assert_false(wb_valid_kernel_name(BUILD_A));
	assert_false(wb_valid_kernel_id(""));
	assert_false(wb_valid_kernel_id("0011"));
	assert_false(wb_valid_kernel_id("00112233445566778"));
	assert_false(wb_valid_kernel_id("6.12.1"));
	assert_false(wb_valid_kernel_id("6.12.1 x #1"));
	assert_false(wb_valid_kernel_id("6.12.1 #1\033[2J"));
	assert_int_equal(wb_kernel_id_name("6.12.1", "#2 SMP", &name), 0);
	assert_string_equal(name, "6.12.1 #2 SMP");
	assert_int_equal(wb_kernel_id_name("6.12.1", "SMP", &none), -EINVAL);
}

static void the_running_kernel_tells_its_id(void **state)
{
	static const struct fake_file whole[] = {{"/sys/kernel/notes", sample_notes, NOTES_SIZE},
		{"/proc/sys/kernel/osrelease", "6.12.1-amd64\n"},
		{"/proc/sys/kernel/version", "#1 SMP Debian 6.12.1-1\n"}, {}};
	static const struct fake_file silent[] = {
		{"/proc/sys/kernel/osrelease", "6.12.1-amd64\n"}, {}};
	struct wb_files files = fake_files(whole), without = fake_files(whole + 1),
			mute = fake_files(silent);
	WB_CLEAN_STR id = NULL;
	WB_CLEAN_STR name = NULL;
	WB_CLEAN_STR other = NULL;
	WB_CLEAN_STR same = NULL;
	struct wb_error err = {};

	assert_int_equal(wb_running_kernel_id(&files, &id, &name, NULL), 0);
	assert_string_equal(id, NOTES_ID);
	assert_string_equal(name, NAME_A);
	assert_int_equal(wb_running_kernel_id(&without, &other, &same, NULL), 0);
	assert_string_equal(other, NAME_A);
	assert_int_equal(wb_running_kernel_id(&mute, &other, &same, &err), -EIO);
	assert_non_null(strstr(err.text, "release and version"));
}

static void check_image(struct wb_bytes file, size_t limit, const char *want)
{
	WB_CLEAN_IMAGE img = {};
	WB_CLEAN_STR id = NULL;
	struct wb_error err = {};

	assert_int_equal(wb_image_open(file, &img, &err), 0);
	if (wb_image_kernel_id(&img, limit, &id, &err) < 0) {
		assert_null(want);
		assert_non_null(strstr(err.text, "tells no version that can be read"));
		return;
	}
	assert_non_null(want);
	assert_string_equal(id, want);
}

static void a_kernel_file_tells_its_id(void **state)
{
	static const char banner[] = "Linux version 9.8.7-elf (a@b) (gcc (X) #9, ld) #3 SMP x\n";
	uint8_t elf[WITH_NOTES], gz[WITH_NOTES + 64], bz[4096];
	size_t n, n_gz;

	sample_elf_with_notes(elf);
	check_image(bytes(elf, sizeof(elf)), 1 << 20, NOTES_ID);
	n_gz = sample_stored_gzip(gz, bytes(elf, sizeof(elf)));
	n = sample_bzimage(bz, bytes(gz, n_gz), sizeof(elf));
	check_image(bytes(bz, n), 1 << 20, NOTES_ID);
	/* Without room to unpack it, and with a payload that has no notes, its setup code has a version. */
	check_image(bytes(bz, n), 16, "1.2.3-sample #1");
	sample_elf(elf);
	n_gz = sample_stored_gzip(gz, bytes(elf, SAMPLE_ELF_SIZE));
	n = sample_bzimage(bz, bytes(gz, n_gz), SAMPLE_ELF_SIZE);
	check_image(bytes(bz, n), 1 << 20, "1.2.3-sample #1");
	memcpy(bz + 0x300, "1.2.3-sample (me@here) 1#", 26);
	check_image(bytes(bz, n), 1 << 20, NULL);
	/* An ELF without notes has its banner, or nothing. */
	check_image(bytes(elf, SAMPLE_ELF_SIZE), 1 << 20, NULL);
	memcpy(elf + SAMPLE_ELF_BANNER, banner, sizeof(banner));
	check_image(bytes(elf, SAMPLE_ELF_SIZE), 1 << 20, "9.8.7-elf #3 SMP x");
}

static void the_next_kernel_is_looked_at_only_if_it_matters(void **state)
{
	/* Another release than the one that the ledger knows, and perhaps the same. */
	static const char other[] =
		SIMPLE(NOTES_ID, BUILD_B, "fast", CLASS_X, "bad", ",\"to_name\":\"1.2.4 #1\""),
			  perhaps[] = SIMPLE(NOTES_ID, BUILD_B, "fast", CLASS_X, "bad",
				  ",\"to_name\":\"1.2.3-sample #7\"");
	uint8_t elf[WITH_NOTES], gz[WITH_NOTES + 64], bz[4096];
	struct fake_file disk[24] = {SAMPLE_MACHINE, {"/proc/meminfo", "MemAvailable: 100000 kB\n"},
		{WB_PAIRS_OWN}, {"/boot/k", (char *)bz}};
	const struct wb_entry here = {.kernel = (char *)"/boot/k"},
			      gone = {.kernel = (char *)"/boot/x"};
	const struct {
		const char *ledger;
		const struct wb_entry *entry;
		const char *to;
	} cases[] = {
		{SIMPLE(NOTES_ID, BUILD_B, "fast", CLASS_X, "good", ""), &here, NULL},
		{SIMPLE(NOTES_ID, BUILD_B, "fast", CLASS_X, "bad", ""), &here, NOTES_ID},
		{SIMPLE(NOTES_ID, BUILD_B, "fast", CLASS_X, "bad", ""), &gone, NULL},
		{other, &here, "1.2.3-sample #1"},
		{perhaps, &here, NOTES_ID},
		{other, &gone, NULL},
	};
	struct wb_files files = fake_files(disk);
	struct wb_sys sys = {.size = sizeof(sys), .files = &files};
	size_t own = 0;

	sample_elf_with_notes(elf);
	while (strcmp(disk[own].path, WB_PAIRS_OWN))
		own++;
	disk[own + 1].size = sample_bzimage(
		bz, bytes(gz, sample_stored_gzip(gz, bytes(elf, sizeof(elf)))), sizeof(elf));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_PAIR_IDS ids = {};

		disk[own].text = cases[i].ledger;
		assert_int_equal(wb_session_pair(&sys, cases[i].entry, &ids), 0);
		assert_string_equal(ids.from, NOTES_ID);
		assert_string_equal(ids.from_name, NAME_A);
		if (cases[i].to && ids.to)
			assert_string_equal(ids.to, cases[i].to);
		else
			assert_true(!ids.to && !cases[i].to);
		if (ids.to)
			assert_string_equal(ids.to_name, "1.2.3-sample #1");
	}
	{
		WB_CLEAN_LEDGER l = {};

		assert_int_equal(wb_session_ledger(&sys, &l, NULL), 0);
		assert_string_equal(l.running, NOTES_ID);
		assert_string_equal(l.running_name, NAME_A);
		assert_int_equal(l.pairs.n, 1);
	}
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_build_id_is_found_among_notes),
		T(ids_are_digits_or_names),
		T(the_running_kernel_tells_its_id),
		T(a_kernel_file_tells_its_id),
		T(the_next_kernel_is_looked_at_only_if_it_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
