/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new object of the store, as room for bytes of another program: no more than is its share. */
#pragma once

#include "core/room.h"
#include "manifest/manifest.h"
#include "store/store.h"

struct wb_keep_object {
	uint64_t left;    /* bytes that it may still have: the rest of the store is for others */
	const char *full; /* the sentence when it has had them */
	struct wb_store_writer *writer;
	uint8_t *scratch;
};

/* `name` below u->images. store NULL: the bytes are only counted. Errors of wb_store_begin(). */
int wb_keep_object_begin(struct wb_keep_object *o, const struct wb_manifest_unit *u,
	const char *name, struct wb_store *store, struct wb_error *err);
/* Must follow. r: how the writing went; after a failure nothing is left of it. Returns r, or errors of wb_store_end(). */
int wb_keep_object_end(struct wb_keep_object *o, int r, struct wb_error *err);
/* Lives as long as `o`. */
struct wb_room wb_keep_object_room(struct wb_keep_object *o);
