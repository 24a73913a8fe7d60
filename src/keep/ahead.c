// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which units get a pre-copy of their memory, and why others do not. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/ahead.h"
#include "qemu/stream.h"

/* A dump of less memory takes about as long as finding out which pages have changed. */
#define LEAST (64u << 20)
/* QEMU reads the rest of a guest's memory while the guest runs as well. */
#define LEAST_OF_GUEST WB_QEMU_AHEAD_LEAST
/* Beside the copy that a pre-copy makes, an eighth of the memory and this margin must stay free. */
#define SHARE 8
#define MARGIN (64ull << 20)

void wb_ahead_choose(struct wb_manifest_unit *u, uint64_t bytes)
{
	uint64_t least = u->how == WB_KEEP_VM ? LEAST_OF_GUEST : LEAST;

	u->ahead_bytes = bytes >= least && bytes < INT64_MAX / 2 ? (int64_t)bytes : 0;
}

uint64_t wb_ahead_bytes(const struct wb_manifest_unit *u)
{
	return wb_unit_is_checkpointed(u) ? (uint64_t)u->ahead_bytes : 0;
}

uint64_t wb_ahead_changes(const struct wb_manifest *m)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < m->units.n; i++)
		bytes += wb_ahead_bytes(&m->units.items[i]) / WB_AHEAD_CHANGES;
	return bytes;
}

uint64_t wb_ahead_share(const struct wb_manifest_unit *u)
{
	return (uint64_t)(u->ahead_pid ? u->ahead_bytes / WB_AHEAD_CHANGES : u->share_bytes);
}

void wb_ahead_fit(struct wb_manifest *m, uint64_t left)
{
	for (size_t i = 0; i < m->units.n; i++) {
		struct wb_manifest_unit *u = &m->units.items[i];
		uint64_t bytes = wb_ahead_bytes(u), wanted = MARGIN;
		char why[160];

		/* A guest's memory is read into the store itself. */
		if (u->how != WB_KEEP_VM)
			wanted += bytes + bytes / SHARE;
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
	u->ahead_pid = u->ahead_bytes = u->ahead_peer = 0;
	free(u->ahead_why);
	u->ahead_why = wb_plain_copy(why);
}
