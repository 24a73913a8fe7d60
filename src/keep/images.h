/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CRIU's images as objects of the store: "PREFIX" + the image's name. */
#pragma once

#include "keep/stream.h"
#include "store/store.h"

/* Must outlive the sink or source that is made of it. Borrows both. */
struct wb_images {
	struct wb_store *store;
	const char *prefix;
};

struct wb_stream_sink wb_images_sink(struct wb_images *images);
/* Every image's checksum is held against its bytes before CRIU gets the first of them. */
struct wb_stream_source wb_images_source(struct wb_images *images);
