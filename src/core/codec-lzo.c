// SPDX-License-Identifier: LGPL-2.1-or-later
/* The codec lzo: the file format of lzop, big-endian (lib/decompress_unlzo.c reads the same). */
#include <errno.h>
#include <string.h>
#include <lzo/lzo1x.h>

#include "core/codec-impl.h"

#define HAS_ADLER_UNPACKED 0x001u
#define HAS_ADLER_PACKED 0x002u
#define HAS_EXTRA 0x040u
#define HAS_CRC_UNPACKED 0x100u
#define HAS_CRC_PACKED 0x200u
#define HAS_FILTER 0x800u

/* lzop's own limit; it writes blocks of 256 KiB. */
#define BLOCK_MAX (64u << 20)

struct reader {
	struct wb_bytes in;
	size_t at;
	uint32_t flags;
};

static bool be32(struct reader *r, uint32_t *ret)
{
	uint32_t v;

	if (!wb_get_le32(r->in, r->at, &v))
		return false;
	*ret = __builtin_bswap32(v);
	r->at += 4;
	return true;
}

static bool skip(struct reader *r, size_t n)
{
	struct wb_bytes s;

	if (!wb_bytes_sub(r->in, r->at, n, &s))
		return false;
	r->at += n;
	return true;
}

static bool read_header(struct reader *r)
{
	uint16_t version;
	uint32_t length;
	uint8_t name;
	bool recent;

	if (!wb_probe_lzo(r->in) || !wb_get_le16(r->in, 9, &version))
		return false;
	recent = __builtin_bswap16(version) >= 0x940;
	/* magic, version, library version, [version needed], method, [level] */
	r->at = 9 + 2 + 2 + (recent ? 2 : 0) + 1 + (recent ? 1 : 0);
	if (!be32(r, &r->flags))
		return false;
	if (r->flags & HAS_FILTER && !skip(r, 4))
		return false;
	/* mode, mtime, [mtime's high word], name, checksum of the header */
	if (!skip(r, recent ? 12 : 8) || !wb_get_u8(r->in, r->at, &name) ||
		!skip(r, 1u + name + 4u))
		return false;
	if (r->flags & HAS_EXTRA)
		return be32(r, &length) && skip(r, length) && skip(r, 4);
	return true;
}

/* 1 after the last block, 0 after another one. */
static int one_block(
	struct reader *r, size_t left, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	const size_t at = r->at;
	uint32_t size, packed_size, sum = 0;
	struct wb_bytes packed;
	bool ok;

	if (!be32(r, &size))
		return wb_codec_damaged("lzo", r->in, at, "it ends before its end mark", err);
	if (size == 0)
		return 1;
	ok = be32(r, &packed_size) && size <= BLOCK_MAX && packed_size <= size;
	if (ok && r->flags & HAS_ADLER_UNPACKED)
		ok = be32(r, &sum);
	if (ok && r->flags & HAS_CRC_UNPACKED)
		ok = skip(r, 4);
	if (ok && r->flags & HAS_ADLER_PACKED && packed_size < size)
		ok = skip(r, 4);
	if (ok && r->flags & HAS_CRC_PACKED && packed_size < size)
		ok = skip(r, 4);
	if (!ok || !wb_bytes_sub(r->in, r->at, packed_size, &packed))
		return wb_codec_damaged("lzo", r->in, at, "a block goes past the end", err);
	if (size > left)
		return wb_codec_bomb("lzo", limit, err);
	if (wb_blob_reserve(ret, ret->size + size) < 0)
		return wb_codec_nomem("lzo", err);
	if (packed_size == size) {
		memcpy(ret->data + ret->size, packed.data, size);
	} else {
		lzo_uint n = size;

		if (lzo1x_decompress_safe(packed.data, packed_size, ret->data + ret->size, &n,
			    NULL) != LZO_E_OK ||
			n != size)
			return wb_codec_damaged("lzo", r->in, at, "a block is not valid", err);
	}
	if (r->flags & HAS_ADLER_UNPACKED && lzo_adler32(1, ret->data + ret->size, size) != sum)
		return wb_codec_damaged("lzo", r->in, at, "a block does not fit its checksum", err);
	ret->size += size;
	r->at += packed_size;
	return 0;
}

static int decompress(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	const size_t start = ret->size;
	struct reader rd = {.in = in};
	int r = 0;

	if (!read_header(&rd))
		return wb_codec_damaged("lzo", in, 0, "its header is not valid", err);
	while (r == 0)
		r = one_block(&rd, limit - (ret->size - start), limit, ret, err);
	if (r < 0) {
		ret->size = start;
		return r;
	}
	if (ret_used)
		*ret_used = rd.at;
	return 0;
}

const struct wb_codec wb_codec_lzo = {
	.name = "lzo",
	.probe = wb_probe_lzo,
	.decompress = decompress,
};
