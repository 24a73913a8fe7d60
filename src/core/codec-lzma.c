// SPDX-License-Identifier: LGPL-2.1-or-later
/* The codec lzma, which is the old format without checksums; the loop is in codec-lzma-impl.h. */
#include "core/codec-lzma-impl.h"

static int decompress(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	lzma_stream z = LZMA_STREAM_INIT;
	int r;

	if (lzma_alone_decoder(&z, WB_LZMA_MEMORY) != LZMA_OK)
		return wb_codec_nomem("lzma", err);
	r = wb_codec_pump("lzma", wb_lzma_step, &z, in, limit, ret, ret_used, err);
	lzma_end(&z);
	return r;
}

const struct wb_codec wb_codec_lzma = {
	.name = "lzma",
	.probe = wb_probe_lzma,
	.decompress = decompress,
};
