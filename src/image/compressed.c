// SPDX-License-Identifier: LGPL-2.1-or-later
/* The wrapping of a kernel that is compressed as a whole: vmlinux.xz, Image.gz, … */
#include <stddef.h>

#include "image/image.h"

static bool probe(struct wb_bytes in)
{
	return wb_codec_find(in) != NULL;
}

static int unwrap(struct wb_bytes in, struct wb_image *img, struct wb_bytes *ret_inner,
	struct wb_blob *ret_owned, struct wb_error *err)
{
	int r = wb_codec_find(in)->decompress(in, img->limit, ret_owned, NULL, err);

	if (r < 0)
		return r;
	wb_blob_trim(ret_owned);
	*ret_inner = wb_blob_view(ret_owned);
	return 0;
}

const struct wb_image_wrapper wb_wrapper_compressed = {
	.name = NULL,
	.probe = probe,
	.unwrap = unwrap,
};
