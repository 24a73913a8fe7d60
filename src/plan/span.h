/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The span: one range of memory around that of all guests that stay where they are. The next kernel leaves it alone
 * until a driver gives each guest its own pieces of it as a device (DAX); only one range makes one such region. Other
 * memory in the span is lost to the next kernel, not to the one after. Pure.
 */
#pragma once

#include "core/error.h"
#include "core/ranges.h"
#include "purgatory/handoff.h"

/* A guest's memory consists of such pieces. */
#define WB_SPAN_PAGE (2u << 20)
/*
 * The span begins on this boundary: Linux 7.2 registers a "RAM buffer" from the end of RAM to the next one, and then
 * no driver gets memory in it (e820__reserve_resources_late()).
 */
#define WB_SPAN_ALIGN (64u << 20)

/* The range around these pieces, of which there is at least one, from the boundary on. They are not checked. */
void wb_span_around(
	const struct wb_handoff_range *pieces, size_t n, uint64_t *ret_start, uint64_t *ret_size);
/*
 * The span of these pieces of RAM in a machine's map. -EOPNOTSUPP with a sentence: there can be none. -EINVAL: a piece
 * is no RAM, or not in whole pages. No pieces: *ret_size is 0.
 */
int wb_span_of(const struct wb_ranges *memory, const struct wb_handoff_range *pieces, size_t n,
	uint64_t *ret_start, uint64_t *ret_size, struct wb_error *err);
