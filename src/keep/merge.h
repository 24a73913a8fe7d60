/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two checkpoints of one unit, read as one. The first was made while it ran and holds all of its
 * memory; the second holds what had changed since, and says of the rest that it is in the first.
 * CRIU's --stream knows no such parents, so it gets one list of pages and one file of them, taken
 * from both on the way.
 */
#pragma once

#include "keep/stream.h"

/* The first one's images have this before their names. */
#define WB_MERGE_BEFORE "before."

struct wb_merge;

/* -ENOMEM. Borrows `source`, which has the images of both. */
int wb_merge_new(const struct wb_stream_source *source, struct wb_merge **ret);
/* A source with the images of one whole checkpoint. Lives as long as `merge`. */
struct wb_stream_source wb_merge_source(struct wb_merge *merge);
void wb_merge_free(struct wb_merge *merge); /* NULL-safe */

/* ---- pure ---- */

/* So many pages, beginning with that one, of a file. */
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
 * From the two pagemap images of a task or a piece of shared memory: the one that CRIU gets, and
 * where its pages come from. `before` may be empty when nothing is said to be there. -EBADMSG,
 * -ENOMEM.
 */
int wb_merge_pagemaps(struct wb_bytes last, struct wb_bytes before, struct wb_blob *ret_pagemap,
	struct wb_merge_plan *ret_plan);
