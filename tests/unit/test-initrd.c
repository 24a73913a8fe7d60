// SPDX-License-Identifier: LGPL-2.1-or-later
/* image/initrd.c: checking and joining initrds. */
#include <stdlib.h>

#include "unit.h"
#include "sample-codecs.h"
#include "samples.h"
#include "image/image.h"

#define LIMIT (1u << 20)

/* An archive of one file, whose name tells them apart. */
struct archive {
	uint8_t data[1024];
	size_t size;
};

static struct archive archive(const char *name)
{
	struct archive a;

	a.size = sample_cpio(a.data, 0, name, name, (uint32_t)strlen(name));
	a.size = sample_cpio(a.data, a.size, "TRAILER!!!", NULL, 0);
	return a;
}

static void add(struct wb_blob *to, const struct archive *a)
{
	assert_int_equal(wb_blob_append(to, a->data, a->size), 0);
}

/* Joined parts equal `want`. */
static void assert_join(
	const struct wb_blob *parts, size_t n, bool decompress, const struct wb_blob *want)
{
	struct wb_bytes views[4];
	WB_CLEAN_BLOB out = {};
	struct wb_error err = {};

	for (size_t i = 0; i < n; i++)
		views[i] = wb_blob_view(&parts[i]);
	assert_int_equal(wb_initrd_join(views, n, decompress, LIMIT, &out, &err), 0);
	assert_int_equal(out.size, want->size);
	assert_memory_equal(out.data, want->data, out.size);
}

static int join_one(const struct wb_blob *part, size_t limit, struct wb_error *err)
{
	struct wb_bytes view = wb_blob_view(part);
	WB_CLEAN_BLOB out = {};
	int r = wb_initrd_join(&view, 1, true, limit, &out, err);

	assert_true(r == 0 || out.size == 0);
	return r;
}

static void joins_in_order(void **state)
{
	const struct archive a = archive("a"), b = archive("bb");
	struct wb_blob parts[2] = {};
	WB_CLEAN_BLOB want = {};

	add(&parts[0], &a);
	wb_blob_pad(&parts[0], 512);
	add(&parts[1], &b);
	add(&want, &a);
	add(&want, &b);
	assert_join(parts, 2, true, &want);
	assert_join(parts, 2, false, &want);
	wb_blob_deinit(&parts[0]);
	wb_blob_deinit(&parts[1]);
}

static void microcode_goes_first(void **state)
{
	const struct archive a = archive("a"),
			     ucode = archive("kernel/x86/microcode/GenuineIntel.bin"),
			     acpi = archive("kernel/firmware/acpi/dsdt.aml");
	struct wb_blob parts[3] = {};
	WB_CLEAN_BLOB want = {};

	add(&parts[0], &a);
	add(&parts[1], &ucode);
	add(&parts[1], &a);
	add(&parts[2], &acpi);
	add(&want, &ucode);
	add(&want, &acpi);
	add(&want, &a);
	add(&want, &a);
	assert_join(parts, 3, true, &want);
	assert_join(parts, 3, false, &want);
	for (int i = 0; i < 3; i++)
		wb_blob_deinit(&parts[i]);
}

/* As Debian and dracut build them: microcode, zeroes, compressed streams. */
static void streams_are_unpacked_in_place(void **state)
{
	const struct archive ucode = archive("kernel/x86/microcode/AuthenticAMD.bin"),
			     a = archive("a"), b = archive("b");
	uint8_t gz[2048];
	const size_t n_gz = sample_stored_gzip(gz, (struct wb_bytes){a.data, a.size});
	WB_CLEAN_BLOB part = {};
	WB_CLEAN_BLOB want = {};

	add(&part, &ucode);
	wb_blob_pad(&part, 512);
	wb_blob_append(&part, gz, n_gz);
	wb_blob_append(&part, gz, n_gz);
	wb_blob_pad(&part, 512);
	add(&part, &b);
	add(&want, &ucode);
	add(&want, &a);
	add(&want, &a);
	add(&want, &b);
	assert_join(&part, 1, true, &want);
}

static void streams_stay_when_not_wanted(void **state)
{
	const struct archive ucode = archive("kernel/x86/microcode/AuthenticAMD.bin"),
			     a = archive("a");
	uint8_t gz[2048];
	const size_t n_gz = sample_stored_gzip(gz, (struct wb_bytes){a.data, a.size});
	WB_CLEAN_BLOB part = {};
	WB_CLEAN_BLOB want = {};

	add(&part, &ucode);
	wb_blob_append(&part, gz, n_gz);
	add(&want, &ucode);
	wb_blob_append(&want, gz, n_gz);
	wb_blob_pad(&want, 4);
	assert_join(&part, 1, false, &want);
}

static void unknown_rest_is_kept(void **state)
{
	const struct archive a = archive("a");
	WB_CLEAN_BLOB part = {};
	WB_CLEAN_BLOB want = {};

	add(&part, &a);
	wb_blob_append(&part, "\0\0\0\0\0#some new compression, 30", 30);
	add(&part, &a);
	add(&want, &a);
	wb_blob_append(&want, "\0#some new compression, 30", 26);
	add(&want, &a);
	wb_blob_pad(&want, 4);
	assert_join(&part, 1, true, &want);
}

static void unknown_rest_gets_nothing_of_the_stream_before(void **state)
{
	/* Long enough that the second byte of gzip's size is not 0. */
	const struct archive a = archive("a-name-that-makes-the-archive-longer-than-256-bytes");
	uint8_t gz[2048];
	const size_t n_gz = sample_stored_gzip(gz, (struct wb_bytes){a.data, a.size});
	WB_CLEAN_BLOB part = {};
	WB_CLEAN_BLOB want = {};

	assert_int_equal(n_gz % 4, 3);
	wb_blob_append(&part, gz, n_gz);
	wb_blob_append(&part, "\1unknown", 8);
	add(&want, &a);
	wb_blob_append(&want, "\0\0\0\1unknown", 11);
	wb_blob_pad(&want, 4);
	assert_join(&part, 1, true, &want);
}

static void nothing_and_zeroes_join_to_nothing(void **state)
{
	WB_CLEAN_BLOB part = {};
	WB_CLEAN_BLOB want = {};

	assert_join(NULL, 0, true, &want);
	assert_join(&part, 1, true, &want);
	wb_blob_append(&part, NULL, 1000);
	assert_join(&part, 1, true, &want);
}

static void truncated_archive_is_refused(void **state)
{
	const struct archive a = archive("some/file");
	WB_CLEAN_BLOB part = {};
	struct wb_error err = {};

	wb_blob_append(&part, a.data, 126); /* inside the file's contents */
	assert_int_equal(join_one(&part, LIMIT, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "initrd is cut short: the file at byte 0"));
	part.size = 60; /* inside its header */
	assert_int_equal(join_one(&part, LIMIT, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "cpio header at byte 0 is not valid"));
}

static void lying_sizes_are_refused(void **state)
{
	const struct archive a = archive("some/file");
	WB_CLEAN_BLOB part = {};
	struct wb_error err = {};

	add(&part, &a);
	memset(part.data + 54, 'f', 8); /* file size */
	assert_int_equal(join_one(&part, LIMIT, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "past the end"));
	memset(part.data + 94, 'f', 8); /* name size */
	assert_int_equal(join_one(&part, LIMIT, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "is not valid"));
	memset(part.data + 94, 'x', 8);
	assert_int_equal(join_one(&part, LIMIT, &err), -EBADMSG);
}

static void truncated_stream_is_refused(void **state)
{
	WB_CLEAN_BLOB part = {};
	struct wb_error err = {};

	wb_blob_append(&part, NULL, 8);
	wb_blob_append(&part, sample_gzip, sizeof(sample_gzip) - 1);
	assert_int_equal(join_one(&part, LIMIT, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "initrd, byte 8: gzip data is damaged"));
}

static void bomb_is_refused(void **state)
{
	WB_CLEAN_BLOB part = {};
	struct wb_error err = {};

	wb_blob_append(&part, sample_gzip, sizeof(sample_gzip));
	assert_int_equal(join_one(&part, 64, &err), -E2BIG);
	assert_non_null(strstr(err.text, "more than the 64 bytes"));
	/* 65 bytes of text are one word more when padded. */
	assert_int_equal(join_one(&part, 65, &err), -E2BIG);
	assert_int_equal(join_one(&part, 68, &err), 0);
}

static void too_large_together_is_refused(void **state)
{
	const struct archive a = archive("a");
	WB_CLEAN_BLOB part = {};
	struct wb_error err = {};

	add(&part, &a);
	assert_int_equal(join_one(&part, a.size - 1, &err), -E2BIG);
	assert_non_null(strstr(err.text, "the initrds together"));
	assert_int_equal(join_one(&part, a.size, &err), 0);
}

static int check(const void *head, size_t n, struct wb_error *err)
{
	WB_CLEAN_BLOB part = {};

	wb_blob_append(&part, head, n);
	*err = (struct wb_error){};
	return wb_initrd_check(wb_blob_view(&part), err);
}

static void what_kernels_unpack_passes(void **state)
{
	const struct archive a = archive("a"),
			     ucode = archive("kernel/x86/microcode/AuthenticAMD.bin");
	static const char *const starts[] = {"\x1f\x8b\x08", "\x1f\x9e", "BZh9", "\x5d\0\0",
		"\xfd\x37zXZ", "\x89LZO", "\x02\x21\x4c\x18", "\x28\xb5\x2f\xfd"};
	struct wb_error err = {};

	assert_int_equal(check(a.data, a.size, &err), 0);
	assert_int_equal(check(ucode.data, ucode.size, &err), 0);
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		WB_CLEAN_BLOB part = {};

		/* Alone, behind zeroes, behind microcode and zeroes. */
		assert_int_equal(check(starts[i], 2, &err), 0);
		wb_blob_append(&part, NULL, 7);
		wb_blob_append(&part, starts[i], 2);
		assert_int_equal(check(part.data, part.size, &err), 0);
		part.size = 0;
		add(&part, &ucode);
		wb_blob_pad(&part, 512);
		wb_blob_append(&part, starts[i], 2);
		assert_int_equal(check(part.data, part.size, &err), 0);
	}
	/* Behind the first archive the kernel minds nothing: signatures, a boot configuration. */
	{
		WB_CLEAN_BLOB part = {};

		add(&part, &a);
		wb_blob_append(&part, "signature", 9);
		assert_int_equal(check(part.data, part.size, &err), 0);
	}
	assert_int_equal(check("key = 1\0\0\0\0\0\0\0\0#BOOTCONFIG\n", 27, &err), 0);
	assert_int_equal(check("key = 1\0\0\0\0\0\0\0\0#BOOTCONFIG\n", 28, &err), 0);
}

static void file_systems_for_a_ram_disk_pass(void **state)
{
	static const struct {
		size_t at;
		const char *magic;
	} rows[] = {
		{0, "-rom1fs-"},
		{0, "\x45\x3d\xcd\x28"},
		{512, "\x45\x3d\xcd\x28"},
		{0, "hsqs"},
		{1040, "\x7f\x13"},
		{1040, "\x8f\x13"},
		{1080, "\x53\xef"},
	};
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t disk[4096] = {[600] = 1, [2000] = 1};

		assert_int_equal(check(disk, sizeof(disk), &err), -EBADMSG);
		memcpy(disk + rows[i].at, rows[i].magic, strlen(rows[i].magic));
		assert_int_equal(check(disk, sizeof(disk), &err), 0);
	}
}

static void file_systems_keep_their_leading_zeroes(void **state)
{
	WB_CLEAN_BLOB part = {};

	wb_blob_append(&part, NULL, 1080);
	wb_blob_append(&part, "\x53\xef and more", 12);
	assert_join(&part, 1, true, &part);
	assert_join(&part, 1, false, &part);
}

static void what_is_no_initrd_is_refused(void **state)
{
	const struct archive ucode = archive("kernel/x86/microcode/AuthenticAMD.bin");
	static const uint8_t zeroes[4096] = {0};
	WB_CLEAN_BLOB part = {};
	struct wb_error err = {};

	assert_int_equal(check(zeroes, sizeof(zeroes), &err), -EBADMSG);
	assert_non_null(strstr(err.text, "nothing but 4096 zero bytes"));
	assert_int_equal(check("root:x:0:0:root", 15, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "at byte 0 there is \"root:x:0\", which begins no cpio"));
	assert_int_equal(check("\0\0\0\0\7\xab", 6, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "at byte 4 there is the data 07 ab, which"));
	assert_int_equal(check("070707000000", 12, &err), -EBADMSG);
	/* The kernel finds archives at multiples of four only. */
	assert_int_equal(check("\0\0\000070701", 9, &err), -EBADMSG);
	/* Microcode is loaded from it, but no init is. */
	add(&part, &ucode);
	wb_blob_append(&part, "garbage", 7);
	assert_int_equal(check(part.data, part.size, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "\"garbage\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_in_order),
		cmocka_unit_test(microcode_goes_first),
		cmocka_unit_test(streams_are_unpacked_in_place),
		cmocka_unit_test(streams_stay_when_not_wanted),
		cmocka_unit_test(unknown_rest_is_kept),
		cmocka_unit_test(unknown_rest_gets_nothing_of_the_stream_before),
		cmocka_unit_test(nothing_and_zeroes_join_to_nothing),
		cmocka_unit_test(truncated_archive_is_refused),
		cmocka_unit_test(lying_sizes_are_refused),
		cmocka_unit_test(truncated_stream_is_refused),
		cmocka_unit_test(bomb_is_refused),
		cmocka_unit_test(too_large_together_is_refused),
		cmocka_unit_test(what_kernels_unpack_passes),
		cmocka_unit_test(file_systems_for_a_ram_disk_pass),
		cmocka_unit_test(file_systems_keep_their_leading_zeroes),
		cmocka_unit_test(what_is_no_initrd_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
