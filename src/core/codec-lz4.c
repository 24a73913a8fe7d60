// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The codec lz4, on liblz4. Two formats share the name. `lz4` writes liblz4's frame today, with
 * checksums and an end mark. The kernel's own build uses the legacy frame of `lz4 -l`: a magic,
 * then chunks of a 32-bit packed size and that many bytes, each unpacking to at most 8 MiB. It has
 * no end mark: the end of the input, or a zero instead of a size, ends it (lib/decompress_unlz4.c).
 */
#include <errno.h>
#include <lz4.h>
#include <lz4frame.h>
#include <string.h>

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

static int decompress_legacy(struct wb_bytes in, size_t limit, struct wb_blob *ret,
	size_t *ret_used, struct wb_error *err)
{
	const size_t start = ret->size;
	size_t at = 4;
	int r = 0;

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

static int step(void *lib, struct wb_codec_io *io, const char **ret_why)
{
	size_t in = io->in.size, out = io->out_left;
	const size_t r = LZ4F_decompress(lib, io->out, &out, io->in.data, &in, NULL);

	if (LZ4F_isError(r)) {
		/* The shared library distinguishes errors only by their names. */
		if (strcmp(LZ4F_getErrorName(r), "ERROR_allocation_failed") == 0)
			return -ENOMEM;
		*ret_why = "its contents do not fit its header or its checksums";
		return -EBADMSG;
	}
	io->in.data += in;
	io->in.size -= in;
	io->out_left -= out;
	return r == 0;
}

static int decompress_frame(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	LZ4F_dctx *z;
	int r;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)))
		return wb_codec_nomem("lz4", err);
	r = wb_codec_pump("lz4", step, z, in, limit, ret, ret_used, err);
	LZ4F_freeDecompressionContext(z);
	return r;
}

static int decompress(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	uint32_t magic;

	if (!wb_probe_lz4(in) || !wb_get_le32(in, 0, &magic))
		return wb_codec_damaged("lz4", in, 0, "its header is not valid", err);
	if (magic == MAGIC)
		return decompress_legacy(in, limit, ret, ret_used, err);
	return decompress_frame(in, limit, ret, ret_used, err);
}

const struct wb_codec wb_codec_lz4 = {
	.name = "lz4",
	.probe = wb_probe_lz4,
	.decompress = decompress,
};
