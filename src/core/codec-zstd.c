// SPDX-License-Identifier: LGPL-2.1-or-later
/* The codec zstd, on libzstd. */
#include <errno.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "core/codec-impl.h"

/* Kernels are packed with `zstd -22 --ultra`, whose window is 128 MiB (scripts/Makefile.lib). */
#define WINDOW_LOG_MAX 27

static int step(void *lib, struct wb_codec_io *io, const char **ret_why)
{
	ZSTD_inBuffer in = {io->in.data, io->in.size, 0};
	ZSTD_outBuffer out = {io->out, io->out_left, 0};
	size_t r = ZSTD_decompressStream(lib, &out, &in);

	io->in.data += in.pos;
	io->in.size -= in.pos;
	io->out_left -= out.pos;
	if (!ZSTD_isError(r))
		return r == 0;
	*ret_why = ZSTD_getErrorName(r);
	return ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
}

/*
 * If the whole output is mapped beforehand, the output itself serves as window; streaming would
 * keep up to 128 MiB more. This pays only where the caller has reserved the known size.
 */
static bool at_once(
	ZSTD_DCtx *z, struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used)
{
	const size_t packed = ZSTD_findFrameCompressedSize(in.data, in.size);
	size_t room = ret->capacity - ret->size, n;

	if (room > limit)
		room = limit;
	if (ZSTD_isError(packed) || room < packed)
		return false;
	n = ZSTD_decompressDCtx(z, ret->data + ret->size, room, in.data, packed);
	if (ZSTD_isError(n))
		return false;
	ret->size += n;
	if (ret_used)
		*ret_used = packed;
	return true;
}

static int decompress(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
	struct wb_error *err)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	int r = 0;

	if (!z)
		return wb_codec_nomem("zstd", err);
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	if (!at_once(z, in, limit, ret, ret_used)) {
		ZSTD_DCtx_reset(z, ZSTD_reset_session_only);
		r = wb_codec_pump("zstd", step, z, in, limit, ret, ret_used, err);
	}
	ZSTD_freeDCtx(z);
	return r;
}

const struct wb_codec wb_codec_zstd = {
	.name = "zstd",
	.probe = wb_probe_zstd,
	.decompress = decompress,
};
