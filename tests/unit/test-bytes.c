// SPDX-License-Identifier: LGPL-2.1-or-later
/* core/bytes.c: bounds of reads, and growth of buffers. */
#include "unit.h"
#include "core/bytes.h"

static const uint8_t sample[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const struct wb_bytes in = {sample, sizeof(sample)};

static void reads_inside(void **state)
{
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	assert_true(wb_get_le64(in, 1, &v64));
	assert_int_equal(v64, 0x0908070605040302ull);
	assert_true(wb_get_le32(in, 5, &v32));
	assert_int_equal(v32, 0x09080706);
	assert_true(wb_get_le16(in, 7, &v16));
	assert_int_equal(v16, 0x0908);
}

static void refuses_outside(void **state)
{
	uint64_t v64 = 42;
	struct wb_bytes s = {};

	assert_false(wb_get_le64(in, 2, &v64));
	assert_false(wb_get_le64(in, UINT64_MAX, &v64));
	assert_false(wb_get_le64(in, UINT64_MAX - 3, &v64));
	assert_int_equal(v64, 42);
	assert_false(wb_bytes_sub(in, 1, UINT64_MAX, &s));
	assert_false(wb_bytes_sub(in, 10, 0, &s));
	assert_null(s.data);
	assert_true(wb_bytes_sub(in, 9, 0, &s));
}

static void blob_grows_and_trims(void **state)
{
	WB_CLEAN_BLOB b = {};

	for (int i = 0; i < 5000; i++)
		assert_int_equal(wb_blob_append(&b, "abc", 3), 0);
	assert_int_equal(b.size, 15000);
	assert_memory_equal(b.data + 14997, "abc", 3);
	assert_int_equal(wb_blob_pad(&b, 4096), 0);
	assert_int_equal(b.size, 16384);
	assert_int_equal(b.data[16383], 0);
	b.size = 10;
	wb_blob_trim(&b);
	assert_int_equal(wb_blob_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_memory_equal(b.data, "abcabcabca", 10);
}

/* From memory of the C library to a mapping, and back below the limit between them. */
static void a_blob_keeps_its_contents_when_it_becomes_a_mapping(void **state)
{
	WB_CLEAN_BLOB b = {};

	assert_int_equal(wb_blob_append(&b, "abc", 3), 0);
	assert_true(b.capacity <= 32768);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(wb_blob_append(&b, "abc", 3), 0);
	assert_int_equal((uintptr_t)b.data % 4096, 0);
	assert_memory_equal(b.data, "abcabcabca", 10);
	assert_int_equal(b.data[b.size], 0);
	b.size = 10;
	wb_blob_trim(&b);
	assert_true(b.capacity < 65536);
	assert_memory_equal(b.data, "abcabcabca", 10);
	assert_int_equal(wb_blob_reserve(&b, 1 << 20), 0);
	assert_memory_equal(b.data, "abcabcabca", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_inside),
		cmocka_unit_test(refuses_outside),
		cmocka_unit_test(blob_grows_and_trims),
		cmocka_unit_test(a_blob_keeps_its_contents_when_it_becomes_a_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
