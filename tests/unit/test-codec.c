// SPDX-License-Identifier: LGPL-2.1-or-later
#include "unit.h"
#include "sample-codecs.h"
#include "core/codec.h"

#define TEXT_SIZE (sizeof(SAMPLE_TEXT) - 1)

/* A codec without its library has nothing more to show than its sentence. */
static bool absent(const struct wb_codec *codec, struct wb_bytes in)
{
	WB_CLEAN_BLOB out = {};
	struct wb_error err = {};

	if (codec->decompress(in, 1 << 20, &out, NULL, &err) != -EOPNOTSUPP)
		return false;
	assert_non_null(strstr(err.text, codec->name));
	assert_int_equal(out.size, 0);
	return true;
}

/* Calls fn for each codec that is built in. */
static void each(void (*fn)(const struct wb_codec *codec, struct wb_bytes in))
{
	for (size_t i = 0; i < N_SAMPLE_PACKED; i++) {
		const struct wb_codec *codec = wb_codec_by_name(sample_packed[i].name);

		assert_non_null(codec);
		if (!absent(codec, sample_packed[i].bytes))
			fn(codec, sample_packed[i].bytes);
	}
}

static void all_are_found(void **state)
{
	for (size_t i = 0; i < N_SAMPLE_PACKED; i++)
		assert_ptr_equal(wb_codec_find(sample_packed[i].bytes),
			wb_codec_by_name(sample_packed[i].name));
	assert_null(wb_codec_by_name("rar"));
	assert_null(wb_codec_find((struct wb_bytes){}));
	assert_null(wb_codec_find((struct wb_bytes){(const uint8_t *)"\0\0\0\0\0\0\0\0", 8}));
}

static void unpack_appends(const struct wb_codec *codec, struct wb_bytes in)
{
	WB_CLEAN_BLOB out = {}, padded = {};
	struct wb_error err = {};
	size_t used = 0;

	/* Bytes behind the stream are not looked at; lz4's only end mark is a zero. */
	assert_int_equal(wb_blob_append(&padded, in.data, in.size), 0);
	assert_int_equal(wb_blob_append(&padded, "\0\0\0\0rest", 8), 0);
	assert_int_equal(wb_blob_append(&out, "before", 6), 0);
	assert_int_equal(codec->decompress(wb_blob_view(&padded), 1 << 20, &out, &used, &err), 0);
	assert_int_equal(used, in.size);
	assert_int_equal(out.size, 6 + TEXT_SIZE);
	assert_memory_equal(out.data, "before" SAMPLE_TEXT, out.size);
}

static void unpacks_behind_what_is_there(void **state)
{
	each(unpack_appends);
}

static void unpack_bomb(const struct wb_codec *codec, struct wb_bytes in)
{
	for (size_t reserved = 0; reserved < 2 << 20; reserved += 1 << 20) {
		WB_CLEAN_BLOB out = {};
		struct wb_error err = {};

		assert_int_equal(wb_blob_reserve(&out, reserved), 0);
		assert_int_equal(codec->decompress(in, TEXT_SIZE - 1, &out, NULL, &err), -E2BIG);
		assert_non_null(strstr(err.text, "more than the 64 bytes"));
		assert_int_equal(out.size, 0);
		assert_int_equal(codec->decompress(in, 0, &out, NULL, &err), -E2BIG);
		assert_int_equal(codec->decompress(in, TEXT_SIZE, &out, NULL, &err), 0);
		assert_int_equal(out.size, TEXT_SIZE);
	}
}

static void stops_at_the_limit(void **state)
{
	each(unpack_bomb);
}

static void unpack_truncated(const struct wb_codec *codec, struct wb_bytes in)
{
	for (size_t n = 0; n < in.size; n++) {
		WB_CLEAN_BLOB out = {};
		struct wb_error err = {};
		int r = codec->decompress((struct wb_bytes){in.data, n}, 1 << 20, &out, NULL, &err);

		/* lz4 has no end mark: its magic alone is a whole stream. */
		if (r == 0 && strcmp(codec->name, "lz4") == 0 && n == 4)
			continue;
		assert_int_equal(r, -EBADMSG);
		assert_non_null(strstr(err.text, "is damaged at byte"));
		assert_non_null(strstr(err.text, codec->name));
		assert_int_equal(out.size, 0);
	}
}

static void truncated_data_is_refused(void **state)
{
	each(unpack_truncated);
}

/* A file whose second half never reached the disk. */
static void unpack_half_zeroes(const struct wb_codec *codec, struct wb_bytes in)
{
	WB_CLEAN_BLOB half = {};
	WB_CLEAN_BLOB out = {};
	struct wb_error err = {};

	assert_int_equal(wb_blob_append(&half, in.data, in.size / 2), 0);
	assert_int_equal(wb_blob_append(&half, NULL, 4096), 0);
	assert_int_equal(
		codec->decompress(wb_blob_view(&half), 1 << 20, &out, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "is damaged at byte"));
	assert_int_equal(out.size, 0);
}

static void zero_filled_data_is_refused(void **state)
{
	each(unpack_half_zeroes);
}

/* With a checksum over the contents a flipped bit never gives wrong ones. */
static void flipped_bits_are_noticed(void **state)
{
	static const char *const checked[] = {"gzip", "xz", "bzip2"};

	for (size_t i = 0; i < N_SAMPLE_PACKED; i++) {
		const struct sample_packed *s = &sample_packed[i];
		const struct wb_codec *codec = wb_codec_by_name(s->name);
		bool has_sum = false;

		for (size_t k = 0; k < 3; k++)
			has_sum |= strcmp(checked[k], s->name) == 0;
		if (!has_sum || absent(codec, s->bytes))
			continue;
		for (size_t bit = 16 * 8; bit < (s->bytes.size - 8) * 8; bit++) {
			uint8_t copy[256];
			WB_CLEAN_BLOB out = {};

			memcpy(copy, s->bytes.data, s->bytes.size);
			copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (codec->decompress((struct wb_bytes){copy, s->bytes.size}, 1 << 20, &out,
				    NULL, NULL) == 0) {
				assert_int_equal(out.size, TEXT_SIZE); /* the bit was padding */
				assert_memory_equal(out.data, SAMPLE_TEXT, TEXT_SIZE);
			} else {
				assert_int_equal(out.size, 0);
			}
		}
	}
}

/* A header may claim a dictionary of 4 GiB: it is not allocated. */
static void huge_dictionary_is_refused(void **state)
{
	const struct wb_codec *codec = wb_codec_by_name("lzma");
	uint8_t copy[sizeof(sample_lzma)];
	const struct wb_bytes in = {copy, sizeof(copy)};
	WB_CLEAN_BLOB out = {};
	struct wb_error err = {};

	memcpy(copy, sample_lzma, sizeof(copy));
	memset(copy + 1, 0xff, 4);
	if (absent(codec, in))
		return;
	assert_int_equal(codec->decompress(in, 1 << 20, &out, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "dictionary"));
}

static void lz4_chunk_past_the_end(void **state)
{
	const struct wb_codec *codec = wb_codec_by_name("lz4");
	uint8_t copy[sizeof(sample_lz4)];
	const struct wb_bytes in = {copy, sizeof(copy)};
	WB_CLEAN_BLOB out = {};
	struct wb_error err = {};

	memcpy(copy, sample_lz4, sizeof(copy));
	if (absent(codec, in))
		return;
	copy[5] = 1;
	assert_int_equal(codec->decompress(in, 1 << 20, &out, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "a chunk goes past the end"));
	memset(copy + 4, 0xff, 4);
	assert_int_equal(codec->decompress(in, 1 << 20, &out, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "a chunk's size is impossible"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_found),
		cmocka_unit_test(unpacks_behind_what_is_there),
		cmocka_unit_test(stops_at_the_limit),
		cmocka_unit_test(truncated_data_is_refused),
		cmocka_unit_test(zero_filled_data_is_refused),
		cmocka_unit_test(flipped_bits_are_noticed),
		cmocka_unit_test(huge_dictionary_is_refused),
		cmocka_unit_test(lz4_chunk_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
