/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A sorted list of disjoint address ranges with a type: a map of memory, or what of it is free. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wb_range {
	uint64_t start; /* byte address */
	uint64_t size;  /* bytes, never 0 */
	uint32_t type;  /* the owner of the list defines it; in a memory map enum wb_memory */
};

/* Owned; `{}` is the valid empty list. */
struct wb_ranges {
	struct wb_range *items;
	size_t n;
	size_t capacity;
};

/*
 * Set [start, start + size) to `type`, replacing older types and merging equal neighbours. -EINVAL
 * when size is 0 or the end overflows, -ENOMEM.
 */
int wb_ranges_set(struct wb_ranges *r, uint64_t start, uint64_t size, uint32_t type);
/* Cut [start, start + size) out. -EINVAL, -ENOMEM. */
int wb_ranges_remove(struct wb_ranges *r, uint64_t start, uint64_t size);
/* Is all of [start, start + size) in the list, and of this type? */
bool wb_ranges_type(const struct wb_ranges *r, uint64_t start, uint64_t size, uint32_t type);
int wb_ranges_copy(const struct wb_ranges *from, struct wb_ranges *ret);

/* A request for a place. */
struct wb_fit {
	uint64_t size;
	uint64_t align; /* power of two */
	uint64_t min;   /* lowest start */
	uint64_t max;   /* highest last byte */
	uint32_t type;  /* only inside ranges of this type */
	int top_down;   /* highest fitting address instead of the lowest */
};

/* -ENOSPC when nothing fits. */
int wb_ranges_fit(const struct wb_ranges *r, const struct wb_fit *want, uint64_t *ret_start);
/* Number of distinct aligned starts that fit, and the k-th of them, for a random base address. */
uint64_t wb_ranges_slots(const struct wb_ranges *r, const struct wb_fit *want);
int wb_ranges_slot(
	const struct wb_ranges *r, const struct wb_fit *want, uint64_t k, uint64_t *ret_start);
void wb_ranges_deinit(struct wb_ranges *r);

#define WB_CLEAN_RANGES __attribute__((cleanup(wb_ranges_deinit))) struct wb_ranges
