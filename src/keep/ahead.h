/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pre-copy: large memory of a unit goes into the store while the unit runs, so that the freeze writes only
 * the pages that have changed. For a moment the memory exists twice. If a pre-copy is impossible, the freeze
 * writes everything; the unit is kept all the same.
 */
#pragma once

#include "manifest/manifest.h"
#include "store/store.h"

/* One part in so many may change between the pre-copy and the freeze. */
#define WB_AHEAD_CHANGES 4

/* Plan a pre-copy if the unit has enough memory (`bytes`) for it. Sets u->ahead_bytes. */
void wb_ahead_choose(struct wb_manifest_unit *u, uint64_t bytes);
/* Bytes of the pre-copy that is planned or done; 0: none. */
uint64_t wb_ahead_bytes(const struct wb_manifest_unit *u);
/* Bytes that the store needs besides those of all units, for pages that change after the pre-copy. */
uint64_t wb_ahead_changes(const struct wb_manifest *m);
/* Bytes of the store that the freeze sets aside for this unit. */
uint64_t wb_ahead_share(const struct wb_manifest_unit *u);
/*
 * Cancel each planned pre-copy that needs more than `left` bytes of free memory. Units are copied one after
 * the other, so each is compared alone.
 */
void wb_ahead_fit(struct wb_manifest *m, uint64_t left);
/* Cancel a pre-copy that is planned or done: remove it from the store (NULL: from none), and note `why`. */
void wb_ahead_stay(struct wb_manifest_unit *u, struct wb_store *store, const char *why);
