// SPDX-License-Identifier: LGPL-2.1-or-later
/* One range around the memory of all guests. */
#include <errno.h>

#include "core/bytes.h"
#include "plan/machine.h"
#include "plan/span.h"

/* So much memory is left to the next kernel, and so much of it where 32 bits reach. */
#define LEAST_LEFT (512ull << 20)
#define LEAST_LOW (128ull << 20)
#define LOW (1ull << 32)

static int check_piece(
	const struct wb_ranges *memory, const struct wb_handoff_range *it, struct wb_error *err)
{
	if (it->start % WB_SPAN_PAGE || it->size % WB_SPAN_PAGE || !it->size ||
		it->size > UINT64_MAX - it->start)
		return wb_fail(err, -EINVAL, "a guest's memory at %#llx is not in pages of 2 MiB",
			(unsigned long long)it->start);
	if (!wb_ranges_type(memory, it->start, it->size, WB_MEMORY_RAM))
		return wb_fail(err, -EINVAL,
			"a guest's memory at %#llx is no RAM in the firmware's map",
			(unsigned long long)it->start);
	return 0;
}

/* RAM below `end` and outside of the span. */
static uint64_t left_below(
	const struct wb_ranges *memory, uint64_t end, uint64_t start, uint64_t size)
{
	uint64_t all = 0;

	for (size_t i = 0; i < memory->n; i++) {
		const struct wb_range *r = &memory->items[i];
		uint64_t until = r->start + r->size < end ? r->start + r->size : end;

		if (r->type == WB_MEMORY_RAM && r->start < until)
			all += until - r->start;
	}
	if (start < end)
		all -= (start + size < end ? start + size : end) - start;
	return all;
}

void wb_span_around(
	const struct wb_handoff_range *pieces, size_t n, uint64_t *ret_start, uint64_t *ret_size)
{
	uint64_t start = UINT64_MAX, end = 0;

	for (size_t i = 0; i < n; i++) {
		if (pieces[i].start < start)
			start = pieces[i].start;
		if (pieces[i].start + pieces[i].size > end)
			end = pieces[i].start + pieces[i].size;
	}
	*ret_start = wb_align_down(start, WB_SPAN_ALIGN);
	*ret_size = end - *ret_start;
}

int wb_span_of(const struct wb_ranges *memory, const struct wb_handoff_range *pieces, size_t n,
	uint64_t *ret_start, uint64_t *ret_size, struct wb_error *err)
{
	uint64_t start, size, end;

	for (size_t i = 0; i < n; i++) {
		int r = check_piece(memory, &pieces[i], err);

		if (r < 0)
			return r;
	}
	if (!n) {
		*ret_start = *ret_size = 0;
		return 0;
	}
	wb_span_around(pieces, n, &start, &size);
	end = start + size;
	if (!start || !wb_ranges_type(memory, start, end - start, WB_MEMORY_RAM))
		return wb_fail(err, -EOPNOTSUPP,
			"the guests' memory lies in %#llx-%#llx, which is not RAM throughout; give "
			"them huge pages from one side of the hole (vm.nr_hugepages early in the "
			"boot)",
			(unsigned long long)start, (unsigned long long)end - 1);
	if (left_below(memory, UINT64_MAX, start, end - start) < LEAST_LEFT ||
		left_below(memory, LOW, start, end - start) < LEAST_LOW)
		return wb_fail(err, -EOPNOTSUPP,
			"the guests' memory is scattered over %llu MiB, and too little would be "
			"left for the next kernel; huge pages that are set aside early in the "
			"boot (vm.nr_hugepages) lie closer together",
			(unsigned long long)(end - start) >> 20);
	*ret_start = start;
	*ret_size = end - start;
	return 0;
}
