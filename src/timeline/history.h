/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The history: one timeline for each boot, oldest first, in a file with a checksum on each line. */
#pragma once

#include "sys/sys.h"
#include "timeline/timeline.h"

#define WB_HISTORY "/var/lib/warmboot/history"
#define WB_HISTORY_BOOTS 200
#define WB_HISTORY_BYTES (1u << 20)

struct wb_history {
	struct wb_timeline **items; /* oldest first */
	size_t n;
	size_t damaged; /* records that could not be read */
};

/* Read the history; a missing file is an empty history. -EACCES, -ENOMEM with a sentence. */
int wb_history_read(const struct wb_files *files, struct wb_history *ret, struct wb_error *err);
void wb_history_deinit(struct wb_history *h);
#define WB_CLEAN_HISTORY __attribute__((cleanup(wb_history_deinit))) struct wb_history

/* Add a boot; damaged lines, and old ones beyond the limits, are removed. */
int wb_history_add(const struct wb_sys *sys, const struct wb_timeline *t, struct wb_error *err);
/*
 * Find a boot by a word: NULL or "0" is the last one on record, "-1" the one before, other words
 * are the beginning of an id. -ENOENT with a sentence.
 */
int wb_history_find(const struct wb_history *h, const char *word, const struct wb_timeline **ret,
	struct wb_error *err);
