/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a store can lie: one file per backend, and one row in wb_store_backends[]. The rest of the
 * room sees only a contiguous mapping and does not care what is below it.
 *
 * A row for Linux' Live Update Orchestrator would have this shape too: reserve() makes a memfd and
 * preserves it in a session of /dev/liveupdate, map() maps it, find() retrieves it by its token,
 * and there are no physical ranges: the kernel itself keeps the pages, so `fits` would accept the
 * file method only.
 */
#pragma once

#include "store/state.h"
#include "store/store.h"

struct wb_store_backend {
	const char *name;
	bool of_ram; /* its pieces are RAM of the running kernel: a load must be told of them */
	/*
	 * Reserve state->bytes (rounded up in place), and fill in state->pieces: what to map, in the
	 * order of the store's own addresses. May start a process that holds it. Errors as
	 * wb_store_create().
	 */
	int (*reserve)(
		const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err);
	/*
	 * Before sealing and on opening: is what is mapped at `at` still where state->pieces says?
	 * NULL: it cannot move. -EIO.
	 */
	int (*still_there)(const struct wb_store_env *env, const struct wb_store_state *state,
		const uint8_t *at, struct wb_error *err);
	/* Give the reservation back. */
	int (*release)(const struct wb_store_env *env, const struct wb_store_state *state,
		struct wb_error *err);
	/* In the next boot: fill in bytes and pieces. -ENOENT: there is none of this kind. */
	int (*find)(
		const struct wb_store_env *env, struct wb_store_state *ret, struct wb_error *err);
	/*
	 * After wiping, or in place of it where what is there is no whole store: where more than memory is
	 * left; NULL: nothing to do.
	 */
	int (*wiped)(const struct wb_store_env *env, struct wb_error *err);
};

/* NULL-terminated, in the order in which they are tried. */
extern const struct wb_store_backend *const wb_store_backends[];
extern const struct wb_store_backend wb_store_carve, wb_store_pmem, wb_store_disk;
