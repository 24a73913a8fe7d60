// SPDX-License-Identifier: LGPL-2.1-or-later
/* core/codec*.c: every codec with good, truncated, damaged and oversized input. */
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

	/* Bytes behind the stream are not looked at; the end mark of lz4's legacy frame is a zero. */
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

		/* lz4's legacy frame has no end mark: its magic alone is a whole stream. */
		if (r == 0 && in.data == sample_lz4 && n == 4)
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
	for (size_t i = 0; i < N_SAMPLE_PACKED; i++) {
		const struct sample_packed *s = &sample_packed[i];
		const struct wb_codec *codec = wb_codec_by_name(s->name);

		if (!s->summed || absent(codec, s->bytes))
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

/* As with the other codecs a call takes one frame; what follows is the caller's. */
static void lz4_frames_are_taken_one_by_one(void **state)
{
	const struct wb_codec *codec = wb_codec_by_name("lz4");
	const struct wb_bytes one = {sample_lz4_frame, sizeof(sample_lz4_frame)};
	WB_CLEAN_BLOB two = {}, out = {};
	size_t used = 0;

	if (absent(codec, one))
		return;
	assert_int_equal(wb_blob_append(&two, one.data, one.size), 0);
	assert_int_equal(wb_blob_append(&two, one.data, one.size), 0);
	assert_int_equal(codec->decompress(wb_blob_view(&two), 1 << 20, &out, &used, NULL), 0);
	assert_int_equal(used, one.size);
	assert_int_equal(out.size, TEXT_SIZE);
}

/* Blocks as they stand, and one that repeats what lies almost 64 KiB back, in a grown output. */
static void lz4_frame_of_many_blocks(void **state)
{
	static const uint8_t head[] = {0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0};
	static const uint8_t again[] = {18, 0, 0, 0, 0x0f, 0xf0, 0xff, 0xff, 0, 0xc0, 't', 'h', 'e',
		' ', 'v', 'e', 'r', 'y', ' ', 'e', 'n', 'd', 0, 0, 0, 0};
	const struct wb_codec *codec = wb_codec_by_name("lz4");
	const size_t n = 48, size = 64 << 10, repeated = 4 + 15 + 255;
	WB_CLEAN_BLOB in = {}, out = {};
	struct wb_error err = {};
	uint32_t word;

	assert_int_equal(wb_blob_append(&in, head, sizeof(head)), 0);
	for (size_t i = 0; i < n; i++) {
		word = 0x80000000 | size;
		assert_int_equal(wb_blob_append(&in, &word, 4), 0);
		for (word = i * size; word < (i + 1) * size; word += 4)
			assert_int_equal(wb_blob_append(&in, &word, 4), 0);
	}
	assert_int_equal(wb_blob_append(&in, again, sizeof(again)), 0);
	if (absent(codec, wb_blob_view(&in)))
		return;
	assert_int_equal(
		codec->decompress(wb_blob_view(&in), n * size + 1024, &out, NULL, &err), 0);
	assert_int_equal(out.size, n * size + repeated + 12);
	for (size_t i = 0; i < n * size; i += 4) {
		memcpy(&word, out.data + i, 4);
		assert_int_equal(word, i);
	}
	assert_memory_equal(out.data + n * size, out.data + n * size - 0xfff0, repeated);
	assert_memory_equal(out.data + n * size + repeated, "the very end", 12);
	wb_blob_deinit(&out);
	assert_int_equal(codec->decompress(wb_blob_view(&in), n * size, &out, NULL, &err), -E2BIG);
	assert_int_equal(out.size, 0);
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
		cmocka_unit_test(lz4_frames_are_taken_one_by_one),
		cmocka_unit_test(lz4_frame_of_many_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
