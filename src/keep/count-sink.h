/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A sink for CRIU's images that keeps none of them: a rehearsal without a store only counts their bytes. */
#pragma once

#include "core/bytes.h"
#include "images/stream.h"

struct wb_count_sink {
	struct wb_blob piece; /* every image is written here, over the one before */
	struct wb_stream_sink sink;
};

/* The sink points into *ret, which must stay where it is. -ENOMEM. */
int wb_count_sink_init(struct wb_count_sink *ret);
void wb_count_sink_deinit(struct wb_count_sink *sink);

#define WB_CLEAN_COUNT_SINK __attribute__((cleanup(wb_count_sink_deinit))) struct wb_count_sink
