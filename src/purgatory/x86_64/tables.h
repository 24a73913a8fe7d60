/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Page tables of purgatory's own: those that the old kernel leaves behind map memory only, and no
 * device. Each page is one of 2 MiB, at its own address.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A root; three tables for each of four pages of registers, and for each of the image's two. */
#define WB_TABLES_MOST 20

struct wb_tables {
	uint64_t (*pages)[512]; /* zeroed, aligned to their size; the first is the root */
	uint32_t n;             /* used so far, with the root: at least 1 */
	unsigned levels;        /* 4, or 5 with LA57 */
};

/*
 * Map the page around an address below 2^46, as ordinary memory or, for a device, uncached. A page that
 * is mapped already stays as it is. false: there is no table left.
 */
bool wb_tables_map(struct wb_tables *t, uint64_t address, bool device);
