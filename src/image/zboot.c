// SPDX-License-Identifier: LGPL-2.1-or-later
/* The wrapping EFI zboot: drivers/firmware/efi/libstub/zboot-header.S, include/linux/efi.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "image/image.h"

#define MAGIC 4
#define PAYLOAD_OFFSET 8
#define PAYLOAD_SIZE 12
#define CODEC_NAME 24
#define CODEC_SIZE 32

static bool probe(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0, "MZ", 2) && wb_bytes_equal(in, MAGIC, "zimg", 4);
}

/* The header names the build's recipe, "xzkern" or "zstd22", and not always the format. */
static const struct wb_codec *find_codec(const char *name)
{
	if (strcmp(name, "xzkern") == 0)
		return wb_codec_by_name("xz");
	if (strcmp(name, "zstd22") == 0)
		return wb_codec_by_name("zstd");
	return wb_codec_by_name(name);
}

static int unwrap(struct wb_bytes in, struct wb_image *img, struct wb_bytes *ret_inner,
	struct wb_blob *ret_owned, struct wb_error *err)
{
	char name[CODEC_SIZE + 1] = "";
	const struct wb_codec *codec;
	struct wb_bytes payload;
	uint32_t offset, size;
	int r;

	if (!wb_get_le32(in, PAYLOAD_OFFSET, &offset) || !wb_get_le32(in, PAYLOAD_SIZE, &size) ||
		!wb_get_struct(in, CODEC_NAME, name, CODEC_SIZE))
		return wb_fail(err, -EBADMSG, "EFI zboot header is cut short: %zu bytes", in.size);
	if (!wb_bytes_sub(in, offset, size, &payload))
		return wb_fail(err, -EBADMSG,
			"EFI zboot image is damaged: its payload of %" PRIu32
			" bytes at offset 0x%" PRIx32 " goes past the end of %zu",
			size, offset, in.size);
	codec = find_codec(name);
	if (!codec)
		return wb_fail(err, -EOPNOTSUPP,
			"EFI zboot image uses a compression that is not known (offset %d)",
			CODEC_NAME);
	if (!codec->probe(payload))
		return wb_fail(err, -EBADMSG,
			"EFI zboot image is damaged: its payload at offset 0x%" PRIx32
			" is not %s data",
			offset, codec->name);
	r = codec->decompress(payload, img->limit, ret_owned, NULL, err);
	if (r < 0)
		return r;
	wb_blob_trim(ret_owned);
	*ret_inner = wb_blob_view(ret_owned);
	return 0;
}

const struct wb_image_wrapper wb_wrapper_zboot = {
	.name = "zboot",
	.probe = probe,
	.unwrap = unwrap,
};
