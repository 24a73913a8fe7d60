// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ending a store. Each way leads through wb_store_erase():
 *
 *	wb_store_scrub()	the freeze failed, and the jump may be made all the same
 *	wb_store_drop()		the jump is not made, or the process that prepared it was killed
 *	wb_store_wipe()		everything that the jump brought was taken out
 *	wb_store_wipe_left()	nobody can use it: never sealed, damaged, of another jump or version, used
 *	wb_store_wipe_any()	on request
 *	wb_store_erase_old()	a new store takes its place
 *
 * Memory of a holder that was killed goes back to the kernel, which clears each page before it
 * gives it to another process.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "store/impl.h"

#define NONE "no store was handed on to this boot"

/* The end of the written part, or of the whole store if that is not certain. */
static uint64_t written(const struct wb_store *s)
{
	struct wb_bytes block = {s->at, WB_STORE_BLOCK};
	struct wb_store_header h;

	if (!wb_store_header_check(block, s->state.bytes, &h) || h.size != s->state.bytes ||
		h.state == WB_STORE_OPEN || h.high < WB_STORE_BLOCK)
		return s->state.bytes;
	return h.high;
}

static int erase(struct wb_store *s)
{
	const struct wb_store_io *io = s->env->io;
	struct wb_store_header *h = (struct wb_store_header *)s->at;
	uint64_t high = written(s);
	int r;

	if (wb_store_has_magic((struct wb_bytes){s->at, WB_STORE_BLOCK})) {
		/* If wiping is interrupted, the store must not look whole. */
		__atomic_store_n(&h->state, WB_STORE_USED, __ATOMIC_SEQ_CST);
		r = io->sync(io->ctx, s->at, WB_STORE_BLOCK);
		if (r < 0)
			return r;
	}
	memset(s->at + WB_STORE_BLOCK, 0, high - WB_STORE_BLOCK);
	r = io->sync(io->ctx, s->at, s->state.bytes);
	if (r < 0)
		return r;
	/* The header is wiped last, so an interrupted wipe can be found and repeated. */
	memset(s->at, 0, WB_STORE_BLOCK);
	return io->sync(io->ctx, s->at, WB_STORE_BLOCK);
}

int wb_store_erase(struct wb_store *s, struct wb_error *err)
{
	int r;

	if (s->backend->in_use && s->backend->in_use(s->env, &s->state))
		return wb_fail(err, -EBUSY,
			"the store is not wiped: its memory is in use as a disk (/dev/pmem)");
	r = wb_store_reach_all(s, err);
	if (r < 0)
		return r;
	wb_store_table_deinit(&s->table);
	r = erase(s);
	return r < 0 ? wb_fail(err, -EIO, "the store could not be wiped: %s", strerror(-r)) : 0;
}

void wb_store_scrub(struct wb_store *s)
{
	if (s->attached || s->sealed)
		return;
	wb_store_erase(s, NULL);
	s->sealed = true;
}

/* ---- what was handed on ---- */

int wb_store_wipe(struct wb_store *s, struct wb_error *err)
{
	int r = wb_store_erase(s, err);

	return r == 0 && s->backend->wiped ? s->backend->wiped(s->env, err) : r;
}

/* Wipe any store of this backend. -ENOENT there is none. */
static int wipe_found(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_error *err)
{
	WB_CLEAN_STORE s = NULL;
	int r = wb_store_find(env, backend, &s, err);

	if (r == 0)
		return wb_store_wipe(s, err);
	/* The file is too short for a store. */
	return r == -EBADMSG && backend->wiped ? backend->wiped(env, err) : r;
}

int wb_store_wipe_any(const struct wb_store_env *env, struct wb_error *err)
{
	int result = -ENOENT;

	wb_store_guard(env);
	for (size_t i = 0; wb_store_backends[i]; i++) {
		struct wb_error local = {};
		int r = wipe_found(env, wb_store_backends[i], &local);

		if (r == -ENOENT)
			continue;
		if (r < 0 && err)
			*err = local;
		if (r < 0 || result == -ENOENT)
			result = r;
	}
	return result == -ENOENT ? wb_fail(err, result, NONE) : result;
}

/* Does a whole store of another jump hold a user's files? `warmboot store get` reports those. */
static bool holds_files(const struct wb_store_env *env, const struct wb_store_backend *backend)
{
	WB_CLEAN_STORE s = NULL;
	struct wb_store_header h;

	return wb_store_find(env, backend, &s, NULL) == 0 &&
	       wb_store_reach(s, 0, WB_STORE_BLOCK, NULL) == 0 &&
	       wb_store_header_check(
		       (struct wb_bytes){s->at, WB_STORE_BLOCK}, s->state.bytes, &h) &&
	       h.state == WB_STORE_SEALED && !(h.flags & WB_STORE_SERVICES);
}

static int wipe_left(const struct wb_store_env *env, const struct wb_store_backend *backend,
	bool thawed, struct wb_error *err)
{
	WB_CLEAN_STORE s = NULL;
	int r = wb_store_find_whole(env, backend, &s, err);

	if (r == 0)
		return thawed && (s->flags & WB_STORE_SERVICES) ? wb_store_wipe(s, err) : 0;
	if (r == -ESTALE && holds_files(env, backend))
		return 0;
	/* An empty file would be in the way. */
	if (r == -EBADMSG || r == -ESTALE || (r == -ENOENT && backend->wiped))
		r = wipe_found(env, backend, err);
	/* -EBUSY: others use the place now, and it is theirs to clear. */
	return r == -ENOENT || r == -EBUSY ? 0 : r;
}

int wb_store_wipe_left(const struct wb_store_env *env, bool thawed, struct wb_error *err)
{
	int result = 0;

	wb_store_guard(env);
	for (size_t i = 0; wb_store_backends[i]; i++) {
		struct wb_error local = {};
		int r = wipe_left(env, wb_store_backends[i], thawed, &local);

		if (r == 0)
			continue;
		if (err)
			*err = local;
		result = r;
	}
	return result;
}

int wb_store_erase_old(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_error *err)
{
	WB_CLEAN_STORE s = NULL;
	int r = wb_store_find(env, backend, &s, NULL);

	return r == 0 ? wb_store_erase(s, err) : 0;
}

/* ---- what this boot holds for the next jump ---- */

/* Erase the store for the next jump. -EIO: its memory is gone, so there is nothing to wipe. */
static int erase_held(const struct wb_store_env *env, const struct wb_store_backend *backend,
	const struct wb_store_state *state, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE copy = {.bytes = state->bytes};
	WB_CLEAN_STORE s = NULL;
	int r = 0;

	if (state->wanted || state->code || !state->pieces.n)
		return 0;
	copy.pieces.path = strdup(state->pieces.path);
	r = copy.pieces.path ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < state->pieces.n; i++)
		r = wb_store_pieces_add(&copy.pieces, state->pieces.items[i]);
	if (r < 0)
		return wb_oom(err);
	r = wb_store_new(env, backend, &copy, &s, err);
	return r == 0 ? wb_store_erase(s, err) : r;
}

static int give_back(
	const struct wb_store_env *env, const struct wb_store_state *state, struct wb_error *err)
{
	const struct wb_store_backend *backend = wb_store_backend_find(state->backend);
	struct wb_error local = {};
	int erased, r;

	if (!backend)
		return 0;
	erased = erase_held(env, backend, state, &local);
	r = backend->release(env, state, err);
	if (r == 0 && erased < 0 && erased != -EIO) {
		if (err)
			*err = local;
		return erased;
	}
	return r;
}

int wb_store_drop(const struct wb_store_env *env, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE state = {};
	int r = 0;

	if (!env->sys->files->exists(env->sys->files->ctx, WB_STORE_STATE))
		return 0;
	/* An unreadable state must not block new stores for ever. */
	if (wb_store_state_read(env->sys->files, &state, NULL) == 0)
		r = give_back(env, &state, err);
	if (r < 0)
		return r;
	if (env->sys->files->exists(env->sys->files->ctx, WB_STORE_PARKED))
		env->sys->remove_file(env->sys->ctx, WB_STORE_PARKED);
	r = env->sys->remove_file(env->sys->ctx, WB_STORE_STATE);
	return r < 0 ? wb_fail(err, r, "cannot remove %s: %s", WB_STORE_STATE, strerror(-r)) : 0;
}
