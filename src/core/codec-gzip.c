// SPDX-License-Identifier: LGPL-2.1-or-later
/* The codec gzip, on zlib. */
#include <errno.h>
#include <limits.h>
#include <zlib.h>

#include "core/codec-impl.h"

static int step(void *lib, struct wb_codec_io *io, const char **ret_why)
{
	z_stream *z = lib;
	/* zlib counts in unsigned int. */
	const uInt in = io->in.size < UINT_MAX ? io->in.size : UINT_MAX;
	const uInt out = io->out_left < UINT_MAX ? io->out_left : UINT_MAX;
	int r;

	z->next_in = (Bytef *)io->in.data;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	r = inflate(z, Z_NO_FLUSH);
	io->in.data += in - z->avail_in;
	io->in.size -= in - z->avail_in;
	io->out_left -= out - z->avail_out;
	if (r == Z_STREAM_END)
		return 1;
	if (r == Z_OK || r == Z_BUF_ERROR)
		return 0;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	if (z->msg)
		*ret_why = z->msg;
	return -EBADMSG;
}

static int decompress(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	z_stream z = {};
	int r;

	/* 16: a gzip header, and nothing else. */
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return wb_codec_nomem("gzip", err);
	r = wb_codec_pump("gzip", step, &z, in, limit, ret, ret_used, err);
	inflateEnd(&z);
	return r;
}

const struct wb_codec wb_codec_gzip = {
	.name = "gzip",
	.probe = wb_probe_gzip,
	.decompress = decompress,
};
