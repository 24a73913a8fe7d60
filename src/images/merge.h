/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two checkpoints of one unit, read as one. The first was made while the unit ran and holds all of
 * its memory. The second holds the changes since then, and refers to the first for the rest. CRIU's
 * --stream cannot read such a pair, so CRIU gets one merged list of pages, and one file of pages
 * that is put together on the way.
 */
#pragma once

#include "images/stream.h"

/* The names of the first checkpoint's images begin with this. */
#define WB_MERGE_BEFORE "before."

struct wb_merge;

/* Borrows `source`, which has the images of both. -ENOMEM. */
int wb_merge_new(const struct wb_stream_source *source, struct wb_merge **ret);
/* A source that looks like one whole checkpoint. Lives as long as `merge`. */
struct wb_stream_source wb_merge_source(struct wb_merge *merge);
void wb_merge_free(struct wb_merge *merge); /* NULL-safe */

/* ---- pure ---- */

/* `n` pages of one file, from number `page` on. */
struct wb_merge_run {
	bool before;
	uint64_t page, n;
};

struct wb_merge_plan {
	uint32_t pages, pages_before; /* numbers of the files: "pages-N.img" */
	struct wb_merge_run *runs;
	size_t n;
};

void wb_merge_plan_deinit(struct wb_merge_plan *plan);

/*
 * From the two pagemap images of a task or of a piece of shared memory, make the one that CRIU
 * gets, and the list of places that its pages come from. `before` may be empty if the last one does
 * not refer to it. -EBADMSG, -ENOMEM.
 */
int wb_merge_pagemaps(struct wb_bytes last, struct wb_bytes before, struct wb_blob *ret_pagemap,
	struct wb_merge_plan *ret_plan);
