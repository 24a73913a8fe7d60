// SPDX-License-Identifier: LGPL-2.1-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/ahead.h"

/* Less is dumped in about the time that it takes CRIU to find out what has changed. */
#define LEAST (64u << 20)
/* The share of it that may change until the freeze. */
#define CHANGES 4
/* What must stay free beside the copy that is made of it on the way: an eighth of it, and this. */
#define SHARE 8
#define MARGIN (64ull << 20)

void wb_ahead_choose(struct wb_manifest_unit *u, uint64_t bytes)
{
	u->ahead_bytes = bytes >= LEAST && bytes < INT64_MAX / 2 ? (int64_t)bytes : 0;
}

uint64_t wb_ahead_bytes(const struct wb_manifest_unit *u)
{
	return wb_manifest_is_process(u) ? (uint64_t)u->ahead_bytes : 0;
}

uint64_t wb_ahead_changes(const struct wb_manifest *m)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < m->units.n; i++)
		bytes += wb_ahead_bytes(&m->units.items[i]) / CHANGES;
	return bytes;
}

void wb_ahead_fit(struct wb_manifest *m, uint64_t left)
{
	for (size_t i = 0; i < m->units.n; i++) {
		struct wb_manifest_unit *u = &m->units.items[i];
		uint64_t bytes = wb_ahead_bytes(u), wanted = bytes + bytes / SHARE + MARGIN;
		char why[160];

		if (!bytes || wanted <= left)
			continue;
		snprintf(why, sizeof(why),
			"that takes %" PRIu64 " MiB for a moment, and %" PRIu64
			" MiB are available",
			wanted >> 20, left >> 20);
		wb_ahead_stay(u, NULL, why);
	}
}

void wb_ahead_stay(struct wb_manifest_unit *u, struct wb_store *store, const char *why)
{
	if (store)
		wb_store_forget(store, u->images, NULL);
	u->ahead_pid = u->ahead_bytes = 0;
	free(u->ahead_why);
	u->ahead_why = wb_manifest_line(why);
}
