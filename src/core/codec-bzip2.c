// SPDX-License-Identifier: LGPL-2.1-or-later
/* The codec bzip2, on libbz2. */
#include <bzlib.h>
#include <errno.h>
#include <limits.h>

#include "core/codec-impl.h"

static int step(void *lib, struct wb_codec_io *io, const char **ret_why)
{
	bz_stream *z = lib;
	/* bzlib counts in unsigned int. */
	const unsigned int in = io->in.size < UINT_MAX ? io->in.size : UINT_MAX;
	const unsigned int out = io->out_left < UINT_MAX ? io->out_left : UINT_MAX;
	int r;

	z->next_in = (char *)io->in.data;
	z->avail_in = in;
	z->next_out = (char *)io->out;
	z->avail_out = out;
	r = BZ2_bzDecompress(z);
	io->in.data += in - z->avail_in;
	io->in.size -= in - z->avail_in;
	io->out_left -= out - z->avail_out;
	if (r == BZ_STREAM_END)
		return 1;
	if (r == BZ_OK)
		return 0;
	if (r == BZ_MEM_ERROR)
		return -ENOMEM;
	*ret_why = r == BZ_DATA_ERROR_MAGIC ? "its header is not valid"
					    : "its contents do not fit its checksums";
	return -EBADMSG;
}

static int decompress(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	bz_stream z = {};
	int r;

	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return wb_codec_nomem("bzip2", err);
	r = wb_codec_pump("bzip2", step, &z, in, limit, ret, ret_used, err);
	BZ2_bzDecompressEnd(&z);
	return r;
}

const struct wb_codec wb_codec_bzip2 = {
	.name = "bzip2",
	.probe = wb_probe_bzip2,
	.decompress = decompress,
};
