// SPDX-License-Identifier: LGPL-2.1-or-later
/* The codec xz; the loop is in codec-lzma-impl.h. */
#include "core/codec-lzma-impl.h"

static int decompress(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	lzma_stream z = LZMA_STREAM_INIT;
	int r;

	if (lzma_stream_decoder(&z, WB_LZMA_MEMORY, 0) != LZMA_OK)
		return wb_codec_nomem("xz", err);
	r = wb_codec_pump("xz", wb_lzma_step, &z, in, limit, ret, ret_used, err);
	lzma_end(&z);
	return r;
}

const struct wb_codec wb_codec_xz = {
	.name = "xz",
	.probe = wb_probe_xz,
	.decompress = decompress,
};
