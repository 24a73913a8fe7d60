/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declarations shared by the codec files; for src/core/codec*.c only. */
#pragma once

#include "core/codec.h"

extern const struct wb_codec wb_codec_gzip, wb_codec_bzip2, wb_codec_lzma, wb_codec_xz,
	wb_codec_lzo, wb_codec_lz4, wb_codec_zstd;

/* The magic numbers are known even if the library is absent. */
bool wb_probe_gzip(struct wb_bytes in);
bool wb_probe_bzip2(struct wb_bytes in);
bool wb_probe_lzma(struct wb_bytes in);
bool wb_probe_xz(struct wb_bytes in);
bool wb_probe_lzo(struct wb_bytes in);
bool wb_probe_lz4(struct wb_bytes in);
bool wb_probe_zstd(struct wb_bytes in);

/* A streaming decoder's input and output; each call moves `in` and `out` forward. */
struct wb_codec_io {
	struct wb_bytes in;
	uint8_t *out;
	size_t out_left;
};

/*
 * One call of a library's streaming decoder. 1 at the end of the stream, 0 to be called again,
 * negative errno with the library's reason in *ret_why.
 */
typedef int (*wb_codec_step)(void *lib, struct wb_codec_io *io, const char **ret_why);

/* The loop around a step; has the contract of struct wb_codec's decompress. */
int wb_codec_pump(const char *name, wb_codec_step step, void *lib, struct wb_bytes in, size_t limit,
	struct wb_blob *ret, size_t *ret_used, struct wb_error *err);

/* The sentences that all codecs share. */
int wb_codec_damaged(
	const char *name, struct wb_bytes in, size_t at, const char *why, struct wb_error *err);
int wb_codec_bomb(const char *name, size_t limit, struct wb_error *err);
int wb_codec_nomem(const char *name, struct wb_error *err);
