// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/handoff.h"

#define NODE_LIMIT (16 << 20) /* a store of a million pieces */

/* The first node that fn takes; its answer, or -ENOENT. The magic tells more than a node's type. */
static int each_node(
	const struct wb_files *files, int (*fn)(struct wb_bytes node, void *arg), void *arg)
{
	static const char dir[] = "/sys/kernel/boot_params/setup_data";
	WB_CLEAN_STRV nodes = {};

	if (files->list(files->ctx, dir, &nodes, NULL) < 0)
		return -ENOENT;
	for (size_t i = 0; i < nodes.n; i++) {
		WB_CLEAN_BLOB data = {};
		char path[128];
		int r;

		snprintf(path, sizeof(path), "%s/%s/data", dir, nodes.items[i]);
		if (files->read(files->ctx, path, NODE_LIMIT, &data, NULL) < 0)
			continue;
		r = fn(wb_blob_view(&data), arg);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

static int take_handoff(struct wb_bytes node, void *arg)
{
	struct wb_handoff h;

	if (!wb_get_struct(node, 0, &h, sizeof(h)) || h.magic != WB_HANDOFF_MAGIC ||
		h.version != WB_HANDOFF_VERSION)
		return -ENOENT;
	*(struct wb_handoff *)arg = h;
	return 0;
}

bool wb_handoff_read(const struct wb_files *files, struct wb_handoff *ret)
{
	return each_node(files, take_handoff, ret) == 0;
}

int wb_handoff_store_parse(struct wb_bytes in, struct wb_handoff_range **ret, size_t *ret_n)
{
	struct wb_handoff_store head;
	struct wb_handoff_range *ranges;
	struct wb_bytes body;

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
			!((ranges[i].start | ranges[i].size) % 4096))
			continue;
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

static int take_store(struct wb_bytes node, void *arg)
{
	struct ranges *ret = arg;

	return wb_handoff_store_parse(node, &ret->items, &ret->n);
}

int wb_handoff_store_read(
	const struct wb_files *files, struct wb_handoff_range **ret, size_t *ret_n)
{
	struct ranges got = {};
	int r = each_node(files, take_store, &got);

	if (r == 0) {
		*ret = got.items;
		*ret_n = got.n;
	}
	return r;
}
