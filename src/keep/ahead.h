/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose memory goes into the store while the unit runs, so that the freeze takes only what has changed
 * since. On its way it is in memory twice. It never costs a unit its rung: where it cannot be, all is
 * written while the unit stands still.
 */
#pragma once

#include "keep/manifest.h"
#include "store/store.h"

/* A unit with so much memory to dump is worth it. Sets u->ahead_bytes. */
void wb_ahead_choose(struct wb_manifest_unit *u, uint64_t bytes);
/* What is to go ahead, or has; 0 where nothing does. */
uint64_t wb_ahead_bytes(const struct wb_manifest_unit *u);
/* Bytes that the store needs beside those of all units, for what changes meanwhile. */
uint64_t wb_ahead_changes(const struct wb_manifest *m);
/* Have those stay for whom `left` bytes of memory are too few; one is copied after the other. */
void wb_ahead_fit(struct wb_manifest *m, uint64_t left);
/* It does not go, or is of no use any more: the store (or NULL) forgets it, and `why` is noted. */
void wb_ahead_stay(struct wb_manifest_unit *u, struct wb_store *store, const char *why);
