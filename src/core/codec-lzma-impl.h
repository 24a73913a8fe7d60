/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* liblzma reads two formats with one decoder loop; for codec-xz.c and codec-lzma.c only. */
#pragma once

#include <errno.h>
#include <lzma.h>

#include "core/codec-impl.h"

/* Kernels use a dictionary of 32 MiB or less (scripts/xz_wrap.sh); a header may claim 4 GiB. */
#define WB_LZMA_MEMORY (256ull << 20)

static inline int wb_lzma_step(void *lib, struct wb_codec_io *io, const char **ret_why)
{
	lzma_stream *z = lib;
	lzma_ret r;

	z->next_in = io->in.data;
	z->avail_in = io->in.size;
	z->next_out = io->out;
	z->avail_out = io->out_left;
	r = lzma_code(z, LZMA_RUN);
	io->in = (struct wb_bytes){z->next_in, z->avail_in};
	io->out_left = z->avail_out;
	switch (r) {
	case LZMA_STREAM_END:
		return 1;
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return 0;
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR:
		*ret_why = "its dictionary is larger than any kernel's";
		return -EBADMSG;
	case LZMA_FORMAT_ERROR:
	case LZMA_OPTIONS_ERROR:
		*ret_why = "its header is not valid";
		return -EBADMSG;
	default:
		*ret_why = "its contents do not fit its checksums";
		return -EBADMSG;
	}
}
