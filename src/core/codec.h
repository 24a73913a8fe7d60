/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decompression of kernels and initrds. Each codec has one file; a codec whose library was absent
 * at build time is still in the table and answers -EOPNOTSUPP.
 */
#pragma once

#include "core/bytes.h"
#include "core/error.h"

struct wb_codec {
	const char *name; /* "zstd", "gzip", … as users and kernel configs call it */
	/* Does `in` begin with this codec's magic? Reads only through wb_get_*. */
	bool (*probe)(struct wb_bytes in);
	/*
	 * Decompress one stream from the start of `in`. Never writes more than `limit` bytes.
	 * ret: appended to (so a caller may reserve the known size beforehand); on failure its size
	 * is put back to what it was. ret_used: bytes of `in` consumed, or NULL.
	 * -EBADMSG damaged or truncated, -E2BIG more than `limit`, -ENOMEM, -EOPNOTSUPP.
	 */
	int (*decompress)(struct wb_bytes in, size_t limit, struct wb_blob *ret, size_t *ret_used,
		struct wb_error *err);
};

/* NULL-terminated, in probing order. */
extern const struct wb_codec *const wb_codecs[];

/* The codec with the magic of `in`, or NULL. */
const struct wb_codec *wb_codec_find(struct wb_bytes in);
/* By name, or NULL. */
const struct wb_codec *wb_codec_by_name(const char *name);
