/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qsort(3) and bsearch(3) for lists that may be empty: the C library's own may not be given NULL. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

typedef int wb_compare_fn(const void *a, const void *b);

/* `items` may be NULL while `n` is 0. */
static inline void wb_sort(void *items, size_t n, size_t size, wb_compare_fn *compare)
{
	if (n > 1)
		qsort(items, n, size, compare);
}

/* The element of the sorted `items` that equals `wanted`, or NULL. */
static inline void *wb_search(
	const void *wanted, const void *items, size_t n, size_t size, wb_compare_fn *compare)
{
	return n > 0 ? bsearch(wanted, items, n, size, compare) : NULL;
}
