// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The legacy frame of `lz4 -l`: a magic, then chunks of a 32-bit packed size and that many bytes,
 * each unpacking to at most 8 MiB. It has no end mark: the end of the input, or a zero where a size
 * should be, ends it (lib/decompress_unlz4.c).
 */
#include <errno.h>
#include <lz4.h>

#include "core/codec-impl.h"

#define MAGIC 0x184c2102u
#define CHUNK_SIZE (8u << 20)

static int one_chunk(struct wb_bytes in, size_t *at, size_t limit, struct wb_blob *ret,
	const size_t start, struct wb_error *err)
{
	struct wb_bytes packed;
	uint32_t size;
	int n;

	if (!wb_get_le32(in, *at, &size))
		return wb_codec_damaged("lz4", in, *at, "it ends inside a chunk's size", err);
	if (size == 0)
		return 1;
	if (size == MAGIC) { /* another frame follows */
		*at += 4;
		return 0;
	}
	if (size > LZ4_COMPRESSBOUND(CHUNK_SIZE))
		return wb_codec_damaged("lz4", in, *at, "a chunk's size is impossible", err);
	if (!wb_bytes_sub(in, *at + 4, size, &packed))
		return wb_codec_damaged("lz4", in, *at, "a chunk goes past the end", err);
	if (wb_blob_reserve(ret, ret->size + CHUNK_SIZE) < 0)
		return wb_codec_nomem("lz4", err);
	n = LZ4_decompress_safe(
		(const char *)packed.data, (char *)ret->data + ret->size, size, CHUNK_SIZE);
	if (n < 0)
		return wb_codec_damaged("lz4", in, *at, "a chunk is not valid", err);
	ret->size += n;
	if (ret->size - start > limit)
		return wb_codec_bomb("lz4", limit, err);
	*at += 4 + size;
	return 0;
}

static int decompress(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	const size_t start = ret->size;
	size_t at = 4;
	int r = 0;

	if (!wb_probe_lz4(in))
		return wb_codec_damaged("lz4", in, 0, "its header is not valid", err);
	while (r == 0 && at < in.size)
		r = one_chunk(in, &at, limit, ret, start, err);
	if (r < 0) {
		ret->size = start;
		return r;
	}
	if (ret_used)
		*ret_used = at;
	return 0;
}

const struct wb_codec wb_codec_lz4 = {
	.name = "lz4",
	.probe = wb_probe_lz4,
	.decompress = decompress,
};
