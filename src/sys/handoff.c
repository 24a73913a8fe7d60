// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the notes of the old kernel's user space: the handoff block, and the ranges of its store.
 */
#include <errno.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "sys/handoff.h"

/* The sum of all pieces; larger than any machine's memory, and sums of it do not overflow. */
#define MOST_BYTES (1ull << 52)

static int each_note(
	const struct wb_files *files, int (*fn)(struct wb_bytes note, void *arg), void *arg)
{
	const struct wb_arch *arch = wb_arch_of(files);

	return arch->each_note ? arch->each_note(files, fn, arg) : -ENOENT;
}

bool wb_handoff_possible(const struct wb_files *files)
{
	const struct wb_arch *arch = wb_arch_of(files);

	return arch->may_have_notes && arch->may_have_notes(files);
}

static int take_handoff(struct wb_bytes note, void *arg)
{
	struct wb_handoff h;

	if (!wb_get_struct(note, 0, &h, sizeof(h)) || h.magic != WB_HANDOFF_MAGIC ||
		h.version != WB_HANDOFF_VERSION)
		return -ENOENT;
	*(struct wb_handoff *)arg = h;
	return 0;
}

bool wb_handoff_read(const struct wb_files *files, struct wb_handoff *ret)
{
	return each_note(files, take_handoff, ret) == 0;
}

int wb_handoff_store_parse(struct wb_bytes in, struct wb_handoff_range **ret, size_t *ret_n)
{
	struct wb_handoff_store head;
	struct wb_handoff_range *ranges;
	struct wb_bytes body;
	uint64_t sum = 0;

	if (!wb_get_struct(in, 0, &head, sizeof(head)) || head.magic != WB_HANDOFF_STORE_MAGIC)
		return -ENOENT;
	if (head.version != WB_HANDOFF_VERSION || !head.n ||
		!wb_bytes_sub(in, sizeof(head), head.n * sizeof(*ranges), &body))
		return -EBADMSG;
	ranges = calloc(head.n, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < head.n; i++) {
		wb_get_struct(body, i * sizeof(*ranges), &ranges[i], sizeof(*ranges));
		if (ranges[i].size && ranges[i].start + ranges[i].size > ranges[i].start &&
			!((ranges[i].start | ranges[i].size) % 4096) &&
			ranges[i].size <= MOST_BYTES - sum) {
			sum += ranges[i].size;
			continue;
		}
		free(ranges);
		return -EBADMSG;
	}
	*ret = ranges;
	*ret_n = head.n;
	return 0;
}

struct ranges {
	struct wb_handoff_range *items;
	size_t n;
};

static int take_store(struct wb_bytes note, void *arg)
{
	struct ranges *ret = arg;

	return wb_handoff_store_parse(note, &ret->items, &ret->n);
}

int wb_handoff_store_read(
	const struct wb_files *files, struct wb_handoff_range **ret, size_t *ret_n)
{
	struct ranges got = {};
	int r = each_note(files, take_store, &got);

	if (r == 0) {
		*ret = got.items;
		*ret_n = got.n;
	}
	return r;
}
