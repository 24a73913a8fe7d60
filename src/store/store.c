// SPDX-License-Identifier: LGPL-2.1-or-later
/* Making and opening a store for the next jump: the part that is the same for all backends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

/* Room for header, table, and blocks that objects do not fill. */
#define OVERHEAD (256 << 10)

const struct wb_store_env *wb_store_env_real(void)
{
	static const struct wb_store_env real = {&wb_sys_host, &wb_store_io_host};

	return &real;
}

/* ---- for the next kernel ---- */

/*
 * Describe the store for a load: carved memory by every piece, memory outside of RAM by its header
 * only.
 */
static int fill_load(struct wb_store *s, struct wb_error *err)
{
	s->load = (struct wb_load_store){.header = wb_store_physical(s, 0), .size = s->state.bytes};
	memcpy(s->load.nonce, s->state.nonce, sizeof(s->load.nonce));
	if (!s->backend->of_ram)
		return 0;
	s->ranges = calloc(s->state.pieces.n, sizeof(*s->ranges));
	if (!s->ranges)
		return wb_oom(err);
	for (size_t i = 0; i < s->state.pieces.n; i++) {
		const struct wb_store_piece *p = &s->state.pieces.items[i];
		struct wb_handoff_range *last =
			s->load.n_ranges ? &s->ranges[s->load.n_ranges - 1] : NULL;

		if (last && last->start + last->size == p->start)
			last->size += p->size;
		else
			s->ranges[s->load.n_ranges++] =
				(struct wb_handoff_range){p->start, p->size};
	}
	s->load.ranges = s->ranges;
	return 0;
}

const struct wb_load_store *wb_store_load(const struct wb_store *s)
{
	return &s->load;
}

/* Read the state of the store from its header, which exists since the store was made. */
static int look_at_header(struct wb_store *s, struct wb_error *err)
{
	struct wb_store_header h;

	if (!wb_store_header_check((struct wb_bytes){s->at, WB_STORE_BLOCK}, s->state.bytes, &h) ||
		memcmp(h.nonce, s->state.nonce, sizeof(h.nonce)) || h.state == WB_STORE_USED)
		return wb_fail(err, -EIO,
			"the store for the next jump was given up, or its memory has been "
			"overwritten; run \"warmboot store drop\" and begin anew");
	s->flags = h.flags;
	s->sealed = h.state == WB_STORE_SEALED;
	if (s->sealed)
		return wb_store_load_table(s, err);
	/* How much was written before is not known, unless the store was parked. */
	s->high = s->state.bytes;
	wb_store_unpark(s);
	return 0;
}

/* Map the store of the state, for writing, or for reading only if it is sealed. */
static int open_state(const struct wb_store_env *env, struct wb_store_state *state,
	struct wb_store **ret, struct wb_error *err)
{
	const struct wb_store_backend *backend = wb_store_backend_find(state->backend);
	WB_CLEAN_STORE s = NULL;
	int r;

	if (!backend)
		return wb_fail(err, -EBADMSG, "%s names an unknown backend: \"%s\"", WB_STORE_STATE,
			state->backend);
	r = wb_store_new(env, backend, state, &s, err);
	if (r == 0)
		r = wb_store_reach_all(s, err);
	if (r == 0 && backend->still_there)
		r = backend->still_there(env, &s->state, s->at, err);
	if (r == 0)
		r = fill_load(s, err);
	if (r < 0)
		return r;
	r = look_at_header(s, err);
	if (r < 0)
		return r;
	*ret = s;
	s = NULL;
	return 0;
}

/* Check the state: the holder may have failed, or have ended. */
static int check_state(const struct wb_store_state *state, struct wb_error *err)
{
	if (state->code)
		return wb_fail(err, state->code, "%s", state->error);
	if (state->wanted)
		return wb_fail(err, -EIO,
			"the process that is to hold the store's memory gave no answer; see "
			"\"journalctl -u warmboot-store\"");
	return 0;
}

int wb_store_open(const struct wb_store_env *env, struct wb_store **ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE state = {};
	int r;

	if (!env->sys->files->exists(env->sys->files->ctx, WB_STORE_STATE))
		return wb_fail(err, -ENOENT, "this boot holds no store for the next jump");
	r = wb_store_state_read(env->sys->files, &state, err);
	if (r == 0)
		r = check_state(&state, err);
	return r < 0 ? r : open_state(env, &state, ret, err);
}

/* Write the header, the first thing in a new store: it identifies the memory from here on. */
static int write_header(
	const struct wb_store_env *env, const struct wb_store_state *state, struct wb_error *err)
{
	const struct wb_store_io *io = env->io;
	struct wb_store_piece part = state->pieces.items[0];
	struct wb_store_header h = {
		.size = state->bytes, .high = state->bytes, .state = WB_STORE_OPEN};
	uint8_t *at;
	int r;

	memcpy(h.nonce, state->nonce, sizeof(h.nonce));
	wb_store_header_finish(&h);
	if (io->area(io->ctx, WB_STORE_PAGE, &at) < 0)
		return wb_oom(err);
	/* A file of huge pages is mapped by at least one page. */
	part.size = WB_STORE_PAGE;
	r = wb_store_map(env, state->pieces.path, &part, true, at, err);
	if (r == 0) {
		memset(at, 0, WB_STORE_BLOCK);
		memcpy(at, &h, sizeof(h));
		r = io->sync(io->ctx, at, WB_STORE_BLOCK);
		if (r < 0)
			wb_fail(err, -EIO, "the store could not be written out: %s", strerror(-r));
	}
	io->unmap(io->ctx, at, WB_STORE_PAGE);
	return r;
}

/* Begin with the state read again, as any other process finds it. */
static int begin(const struct wb_store_env *env, struct wb_store **ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE state = {};
	bool in_place;
	int r = wb_store_state_read(env->sys->files, &state, err);

	if (r == 0)
		r = check_state(&state, err);
	if (r == 0)
		r = write_header(env, &state, err);
	if (r < 0)
		return r;
	/* Pages from the kernel are zeroed. Memory behind /dev/mem has its old contents, so it is zeroed here. */
	in_place = !strcmp(state.pieces.path, "/dev/mem");
	if (in_place)
		wb_store_guard(env);
	r = open_state(env, &state, ret, err);
	if (r == 0 && in_place)
		memset((*ret)->at + WB_STORE_BLOCK, 0, (*ret)->state.bytes - WB_STORE_BLOCK);
	return r;
}

static int reserve(const struct wb_store_env *env, const struct wb_store_backend *backend,
	uint64_t bytes, const uint8_t nonce[16], struct wb_error *err)
{
	WB_CLEAN_STORE_STATE state = {.backend = strdup(backend->name), .bytes = bytes};
	int r;

	if (!state.backend)
		return wb_oom(err);
	memcpy(state.nonce, nonce, sizeof(state.nonce));
	r = backend->reserve(env, &state, err);
	if (r < 0) {
		env->sys->remove_file(env->sys->ctx, WB_STORE_STATE);
		return r;
	}
	return 0;
}

int wb_store_create(const struct wb_store_env *env, const char *name, uint64_t bytes,
	struct wb_store **ret, struct wb_error *err)
{
	const struct wb_store_backend *backend =
		name ? wb_store_backend_find(name) : wb_store_backends[0];
	uint8_t nonce[16];
	int r;

	if (!backend)
		return wb_fail(err, -EINVAL, "there is no store of the kind \"%s\"", name);
	if (!bytes || bytes > INT64_MAX / 2)
		return wb_fail(
			err, -EINVAL, "a store cannot have %llu bytes", (unsigned long long)bytes);
	if (env->sys->files->exists(env->sys->files->ctx, WB_STORE_STATE))
		return wb_fail(err, -EEXIST,
			"this boot holds a store for the next jump already; run \"warmboot store "
			"drop\" to give it back");
	r = env->sys->random(env->sys->ctx, nonce, sizeof(nonce));
	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	r = reserve(env, backend, wb_align_up(bytes + OVERHEAD, WB_STORE_PAGE), nonce, err);
	if (r < 0)
		return r;
	r = begin(env, ret, err);
	if (r < 0)
		wb_store_drop(env, NULL);
	return r;
}

int wb_store_of_services(struct wb_store *s, struct wb_error *err)
{
	struct wb_store_header *h = (struct wb_store_header *)s->at;
	const struct wb_store_io *io = s->env->io;
	int r;

	if (s->attached || s->sealed)
		return wb_fail(err, -EROFS, "the store is sealed already");
	s->flags |= WB_STORE_SERVICES;
	h->flags = s->flags;
	wb_store_header_finish(h);
	r = io->sync(io->ctx, s->at, WB_STORE_BLOCK);
	return r < 0 ? wb_fail(err, -EIO, "the store could not be written out: %s", strerror(-r))
		     : 0;
}
