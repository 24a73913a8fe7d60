// SPDX-License-Identifier: LGPL-2.1-or-later
/* Setting, cutting and fitting ranges in a sorted list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/ranges.h"

static int push(struct wb_ranges *r, uint64_t start, uint64_t end, uint32_t type)
{
	struct wb_range *last = r->n ? &r->items[r->n - 1] : NULL;

	if (last && last->type == type && last->start + last->size == start) {
		last->size += end - start;
		return 0;
	}
	if (r->n == r->capacity) {
		size_t cap = r->capacity ? r->capacity * 2 : 16;
		struct wb_range *items = realloc(r->items, cap * sizeof(*items));

		if (!items)
			return -ENOMEM;
		r->items = items;
		r->capacity = cap;
	}
	r->items[r->n++] = (struct wb_range){start, end - start, type};
	return 0;
}

/* Rebuild the list without [start, end) and, if `set`, with that range as `type`. */
static int replace(struct wb_ranges *r, uint64_t start, uint64_t size, uint32_t type, int set)
{
	WB_CLEAN_RANGES out = {};
	uint64_t end = start + size;
	int done = !set, ret = 0;

	if (!size || end < start)
		return -EINVAL;
	for (size_t i = 0; i < r->n && !ret; i++) {
		const struct wb_range *it = &r->items[i];
		uint64_t it_end = it->start + it->size;

		if (it->start < start)
			ret = push(&out, it->start, it_end < start ? it_end : start, it->type);
		if (!ret && !done && it_end > start) {
			ret = push(&out, start, end, type);
			done = 1;
		}
		if (!ret && it_end > end)
			ret = push(&out, it->start > end ? it->start : end, it_end, it->type);
	}
	if (!ret && !done)
		ret = push(&out, start, end, type);
	if (ret)
		return ret;
	struct wb_ranges old = *r;
	*r = out;
	out = old;
	return 0;
}

int wb_ranges_set(struct wb_ranges *r, uint64_t start, uint64_t size, uint32_t type)
{
	return replace(r, start, size, type, 1);
}

int wb_ranges_remove(struct wb_ranges *r, uint64_t start, uint64_t size)
{
	return replace(r, start, size, 0, 0);
}

bool wb_ranges_type(const struct wb_ranges *r, uint64_t start, uint64_t size, uint32_t type)
{
	uint64_t end = start + size;

	if (!size || end < start)
		return false;
	/* The list is sorted and disjoint, but two neighbours can have one type in a copy. */
	for (size_t i = 0; i < r->n; i++) {
		const struct wb_range *it = &r->items[i];

		if (it->start > start || it->start + it->size <= start || it->type != type)
			continue;
		start = it->start + it->size;
		if (start >= end)
			return true;
	}
	return false;
}

int wb_ranges_copy(const struct wb_ranges *from, struct wb_ranges *ret)
{
	struct wb_ranges out = {};

	if (from->n) {
		out.items = malloc(from->n * sizeof(*out.items));
		if (!out.items)
			return -ENOMEM;
		memcpy(out.items, from->items, from->n * sizeof(*out.items));
		out.n = out.capacity = from->n;
	}
	*ret = out;
	return 0;
}

/* First and last aligned start inside one range; false when it does not fit. */
static int window(const struct wb_range *it, const struct wb_fit *w, uint64_t *lo, uint64_t *hi)
{
	uint64_t first = it->start > w->min ? it->start : w->min;
	uint64_t last = it->start + it->size - 1;

	if (it->type != w->type || !w->size || first > UINT64_MAX - w->align)
		return 0;
	first = wb_align_up(first, w->align);
	if (last > w->max)
		last = w->max;
	if (first > last || last - first < w->size - 1)
		return 0;
	*lo = first;
	*hi = wb_align_down(last - (w->size - 1), w->align);
	return *hi >= *lo;
}

int wb_ranges_fit(const struct wb_ranges *r, const struct wb_fit *want, uint64_t *ret_start)
{
	uint64_t lo, hi;

	for (size_t i = 0; i < r->n; i++) {
		const struct wb_range *it = &r->items[want->top_down ? r->n - 1 - i : i];

		if (!window(it, want, &lo, &hi))
			continue;
		*ret_start = want->top_down ? hi : lo;
		return 0;
	}
	return -ENOSPC;
}

uint64_t wb_ranges_slots(const struct wb_ranges *r, const struct wb_fit *want)
{
	uint64_t n = 0, lo, hi;

	for (size_t i = 0; i < r->n; i++)
		if (window(&r->items[i], want, &lo, &hi))
			n += (hi - lo) / want->align + 1;
	return n;
}

int wb_ranges_slot(
	const struct wb_ranges *r, const struct wb_fit *want, uint64_t k, uint64_t *ret_start)
{
	uint64_t lo, hi;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t here;

		if (!window(&r->items[i], want, &lo, &hi))
			continue;
		here = (hi - lo) / want->align + 1;
		if (k < here) {
			*ret_start = lo + k * want->align;
			return 0;
		}
		k -= here;
	}
	return -ENOSPC;
}

void wb_ranges_deinit(struct wb_ranges *r)
{
	if (!r)
		return;
	free(r->items);
	*r = (struct wb_ranges){};
}
