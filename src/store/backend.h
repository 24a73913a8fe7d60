/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backends of a store: one file per backend, and one row in wb_store_backends[]. The rest of
 * the room sees only a contiguous mapping.
 *
 * A row for Linux' Live Update Orchestrator would have this shape too: reserve() makes a memfd and
 * preserves it in a session of /dev/liveupdate, map() maps it, find() retrieves it by its token,
 * and there are no physical ranges: the kernel itself keeps the pages, so `fits` would accept the
 * file method only.
 */
#pragma once

#include "store/state.h"
#include "store/store.h"
#include "sys/policy.h"

struct wb_store_backend {
	const char *name;
	/*
	 * Its pieces are RAM of the running kernel: a process holds them, the system has less memory
	 * meanwhile, and a load must be told of them.
	 */
	bool of_ram;
	bool set_aside;  /* its place is reserved for stores, and unused without one */
	bool on_request; /* used only if it is asked for by name */
	/*
	 * Does it work with a load by this method (WB_METHOD_AUTO: by the one that the policy leads
	 * to)? 0, or -EOPNOTSUPP with a sentence for a user who asked for it by name. NULL: it
	 * works with any. Pure.
	 */
	int (*fits)(enum wb_method method, const struct wb_policy *policy, struct wb_error *err);
	/*
	 * Could a store of `bytes` be made here now? bytes 0: a store of any size, and the sentence
	 * is for a user who asked for the backend by name. Changes nothing. 0 also if only root can
	 * know. -EOPNOTSUPP, -ENOSPC, -EBADMSG with a sentence. NULL: only reserve() knows.
	 */
	int (*available)(const struct wb_store_env *env, uint64_t bytes, struct wb_error *err);
	/*
	 * Reserve state->bytes (rounded up in place), and fill in state->pieces: the parts to map,
	 * in the order of the store's own addresses. May start a process that holds it. Errors as
	 * wb_store_create().
	 */
	int (*reserve)(
		const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err);
	/*
	 * Before sealing and on opening: is the mapping at `at` still where state->pieces says?
	 * NULL: it cannot move. -EIO.
	 */
	int (*still_there)(const struct wb_store_env *env, const struct wb_store_state *state,
		const uint8_t *at, struct wb_error *err);
	/* Does another user use its place, for example as a disk? NULL: that cannot be. */
	bool (*in_use)(const struct wb_store_env *env, const struct wb_store_state *state);
	/* Release the reservation. */
	int (*release)(const struct wb_store_env *env, const struct wb_store_state *state,
		struct wb_error *err);
	/* In the next boot: fill in bytes and pieces. -ENOENT: there is none of this kind. */
	int (*find)(
		const struct wb_store_env *env, struct wb_store_state *ret, struct wb_error *err);
	/*
	 * Remove the file in which the store lies. Called when the store is wiped, or when the file
	 * is too short to hold a store. NULL: it lies in memory, and no file is left.
	 */
	int (*wiped)(const struct wb_store_env *env, struct wb_error *err);
};

/* clang-format off */
/*
 * All backends, in the order in which wb_store_choose() tries them; the first is the default. A row is
 * the backend's name, whose object is wb_store_NAME in a file of its own, and the backend's part of a
 * sentence in `warmboot store --help`.
 */
#define WB_STORE_BACKENDS(row) \
	row(carve, "carve takes memory of the running system (fast and segments methods)") \
	row(pmem, ", pmem the region that is\nset aside") \
	row(disk, ", disk a file: only there do the contents reach a disk.") \
	/* the end */
/* clang-format on */

#define WB_STORE_EXTERN(name, help) extern const struct wb_store_backend wb_store_##name;
WB_STORE_BACKENDS(WB_STORE_EXTERN)
#undef WB_STORE_EXTERN
/* NULL-terminated. */
extern const struct wb_store_backend *const wb_store_backends[];

/* Find a backend by name. NULL: there is none. */
const struct wb_store_backend *wb_store_backend_find(const char *name);
/*
 * Choose the backend for a load by this method. With `asked`, check that this backend works. With
 * NULL, take the first that fits; whether it is available shows only when the store is made.
 * Changes nothing. Errors as those of `fits` and `available`; -EINVAL: there is no such backend.
 */
int wb_store_choose(const struct wb_store_env *env, const char *asked, enum wb_method method,
	const struct wb_policy *policy, const struct wb_store_backend **ret, struct wb_error *err);
/*
 * A backend with a place that is set aside for stores, so that using it costs no memory. NULL:
 * there is none.
 */
const struct wb_store_backend *wb_store_idle(const struct wb_store_env *env);

/* The names as "a|b|c", and the sentence from the table, for help texts. */
#define WB_STORE_BAR_NAME(name, help) "|" #name
#define WB_STORE_ITS_HELP(name, help) help
#define WB_STORE_NAMES (&WB_STORE_BACKENDS(WB_STORE_BAR_NAME)[1])
#define WB_STORE_HELP WB_STORE_BACKENDS(WB_STORE_ITS_HELP)
/* The default backend, in words for help texts. */
#define WB_STORE_DEFAULT "carve, or pmem where a region is set aside"
/* The backend for which `warmboot store reserve` sets a region aside. */
#define WB_STORE_RESERVED "pmem"
