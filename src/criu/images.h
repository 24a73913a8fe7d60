/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CRIU's images as objects of the store, named PREFIX + the image's name. */
#pragma once

#include "images/stream.h"
#include "store/store.h"

/* Must outlive the sink or source that is made from it. Borrows both. */
struct wb_images {
	struct wb_store *store;
	const char *prefix;
};

struct wb_stream_sink wb_images_sink(struct wb_images *images);
/* The checksum of each image is checked before CRIU gets its first byte. */
struct wb_stream_source wb_images_source(struct wb_images *images);
