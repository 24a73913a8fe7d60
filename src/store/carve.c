// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory of the running system, nothing set aside beforehand: huge pages that a process holds until
 * the jump. The next kernel is told that they are persistent memory, and so leaves them alone.
 * Works with kexec_load(2) only: with kexec_file_load(2) the kernel places images where it likes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/hold.h"
#include "store/impl.h"
#include "sys/handoff.h"
#include "sys/machine.h"

/* What must stay free besides, for the load of the kernel and the shutdown. */
#define MARGIN (64ull << 20)

static bool has_systemd(const struct wb_files *f)
{
	return f->exists(f->ctx, "/run/systemd/system"); /* sd_booted(3) */
}

/* The memory that the kernel before handed on, up to `most` bytes of it. Errors as its reader. */
static int take_ranges(const struct wb_files *files, uint64_t most, struct wb_store_state *ret)
{
	struct wb_handoff_range *ranges;
	size_t n;
	int r = wb_handoff_store_read(files, &ranges, &n);

	if (r < 0)
		return r;
	ret->bytes = 0;
	ret->pieces.path = strdup("/dev/mem");
	if (!ret->pieces.path)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n && ret->bytes < most; i++) {
		uint64_t size = ranges[i].size, left = most - ret->bytes;

		if (size > left)
			size = left;
		r = wb_store_pieces_add(&ret->pieces,
			(struct wb_store_piece){ranges[i].start, ranges[i].start, size});
		ret->bytes += size;
	}
	free(ranges);
	return r;
}

/* Zero what is mapped; false while there is a header, whoever's, at its beginning. */
static bool clear(struct wb_store *s)
{
	struct wb_store_header h;

	if (wb_store_reach_all(s, NULL) < 0 ||
		wb_store_header_parse((struct wb_bytes){s->at, WB_STORE_BLOCK}, s->state.bytes, &h,
			NULL) != -ENOENT)
		return false;
	memset(s->at, 0, s->state.bytes);
	return true;
}

/*
 * What was carved for the last jump lies idle once it is wiped: it is the best memory for the next
 * store, because it costs the running system nothing. 1 taken, 0 there is none that will do.
 */
static int reuse(const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE old = {};
	WB_CLEAN_STORE s = NULL;
	int r = take_ranges(env->sys->files, state->bytes, &old);

	if (r < 0 || old.bytes < state->bytes)
		return 0;
	wb_store_guard(env);
	if (wb_store_new(env, &wb_store_carve, &old, &s, NULL) < 0 || !clear(s))
		return 0;
	state->pieces = s->state.pieces;
	s->state.pieces = (struct wb_store_pieces){};
	r = wb_store_state_write(env->sys, state, err);
	return r < 0 ? r : 1;
}

static int carve_reserve(
	const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	const struct wb_files *files = env->sys->files;
	uint64_t left = wb_available_memory(files);
	WB_CLEAN_STORE_STATE answer = {};
	int r = reuse(env, state, err);

	if (r)
		return r < 0 ? r : 0;
	if (left < state->bytes + MARGIN)
		return wb_fail(err, -ENOSPC,
			"too little memory for a store of %" PRIu64 " MiB: %" PRIu64
			" MiB are available and %llu of them must stay free; stop something, or "
			"keep less",
			state->bytes >> 20, left >> 20, MARGIN >> 20);
	state->wanted = true;
	r = wb_store_state_write(env->sys, state, err);
	if (r < 0)
		return r;
	r = env->io->start_holder(env->io->ctx, has_systemd(files));
	if (wb_store_state_read(files, &answer, NULL) == 0 && answer.code)
		return wb_fail(err, answer.code, "%s", answer.error);
	/* It says nothing where it has no room to. */
	if (answer.wanted && wb_store_state_write(env->sys, state, err) < 0)
		return WB_STORE_NO_STATE;
	if (r < 0)
		return wb_fail(err, r,
			"the process that is to hold the store's memory could not be started: %s; "
			"see \"journalctl -u warmboot-store\"",
			strerror(-r));
	return 0;
}

static int carve_still_there(const struct wb_store_env *env, const struct wb_store_state *state,
	const uint8_t *at, struct wb_error *err)
{
	size_t n = state->bytes / WB_STORE_PAGE, page = 0;
	uint64_t *now = calloc(n, sizeof(*now));
	int r;

	if (!now)
		return wb_oom(err);
	/* Without a holder it is memory that this kernel does not even know as such. */
	if (!state->pid) {
		free(now);
		return 0;
	}
	r = env->io->physical(env->io->ctx, at, n, now);
	if (r < 0)
		wb_fail(err, r, "cannot read where the store's memory lies: %s", strerror(-r));
	for (size_t i = 0; i < state->pieces.n && r == 0; i++) {
		const struct wb_store_piece *p = &state->pieces.items[i];

		for (uint64_t k = 0; k < p->size && r == 0; k += WB_STORE_PAGE, page++)
			if (page >= n || now[page] != p->start + k)
				r = wb_fail(err, -EIO,
					"the kernel has moved the store's memory at %#" PRIx64
					"; run \"warmboot store drop\" and begin anew",
					p->start + k);
	}
	free(now);
	return r;
}

/* Nobody else clears it before it is used again. */
static int release_reused(
	const struct wb_store_env *env, const struct wb_store_state *state, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE again = {};
	WB_CLEAN_STORE s = NULL;
	int r = take_ranges(env->sys->files, state->bytes, &again);

	if (r < 0 || again.bytes < state->bytes)
		return 0;
	r = wb_store_new(env, &wb_store_carve, &again, &s, err);
	if (r == 0)
		r = wb_store_reach_all(s, err);
	if (r == 0)
		memset(s->at, 0, s->state.bytes);
	return r;
}

static int carve_release(
	const struct wb_store_env *env, const struct wb_store_state *state, struct wb_error *err)
{
	int r;

	if (!state->pid)
		return release_reused(env, state, err);
	r = env->io->stop_holder(env->io->ctx, has_systemd(env->sys->files), state->pid);

	return r < 0 ? wb_fail(err, r,
			       "the process that holds the store's memory (%d) could not be ended: "
			       "%s",
			       state->pid, strerror(-r))
		     : 0;
}

static int carve_find(
	const struct wb_store_env *env, struct wb_store_state *ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE s = {.backend = strdup("carve")};
	int r = take_ranges(env->sys->files, UINT64_MAX, &s);

	if (r == -ENOENT)
		return wb_fail(err, r, "no store was handed on to this boot");
	if (r == -EBADMSG)
		return wb_fail(err, r, "what setup_data tells of the store makes no sense");
	if (r < 0 || !s.backend)
		return wb_oom(err);
	*ret = s;
	s = (struct wb_store_state){};
	return 0;
}

const struct wb_store_backend wb_store_carve = {
	.name = "carve",
	.of_ram = true,
	.reserve = carve_reserve,
	.still_there = carve_still_there,
	.release = carve_release,
	.find = carve_find,
};
