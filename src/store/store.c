// SPDX-License-Identifier: LGPL-2.1-or-later
/* Making, opening and ending a store: what is the same whatever it lies in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

/* Header, table, and the blocks that objects do not fill. */
#define OVERHEAD (256 << 10)

const struct wb_store_backend *const wb_store_backends[] = {
	&wb_store_carve,
	&wb_store_pmem,
	&wb_store_disk,
	NULL,
};

const struct wb_store_env *wb_store_env_real(void)
{
	static const struct wb_store_env real = {&wb_sys_host, &wb_store_io_host};

	return &real;
}

const struct wb_store_backend *wb_store_backend_find(const char *name)
{
	for (size_t i = 0; wb_store_backends[i]; i++)
		if (!strcmp(wb_store_backends[i]->name, name))
			return wb_store_backends[i];
	return NULL;
}

/* ---- the mapping ---- */

int wb_store_new(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store_state *state, struct wb_store **ret, struct wb_error *err)
{
	struct wb_store *s = calloc(1, sizeof(*s));
	uint64_t size = state->bytes;

	if (!s)
		return wb_oom(err);
	s->own = *env;
	s->env = &s->own;
	s->backend = backend;
	s->state = *state;
	*state = (struct wb_store_state){};
	s->mapped = calloc(size / WB_STORE_CHUNK + 1, 1);
	if (!s->mapped || env->io->area(env->io->ctx, size, &s->at) < 0) {
		wb_store_close(s);
		return wb_fail(err, -ENOMEM,
			"no room in this process's address space for a store of %llu MiB",
			(unsigned long long)(size >> 20));
	}
	s->next = WB_STORE_BLOCK;
	*ret = s;
	return 0;
}

void wb_store_close(struct wb_store *s)
{
	if (!s)
		return;
	while (s->writers)
		wb_store_abort(s->writers);
	if (s->at)
		s->env->io->unmap(s->env->io->ctx, s->at, s->state.bytes);
	wb_store_table_deinit(&s->table);
	wb_store_state_deinit(&s->state);
	free(s->mapped);
	free(s->gap);
	free(s->ranges);
	free(s);
}

/* Map [from, to) of the store's own addresses, whichever pieces it lies in. */
static int map_span(struct wb_store *s, uint64_t from, uint64_t to, struct wb_error *err)
{
	uint64_t base = 0;
	int r = 0;

	for (size_t i = 0; i < s->state.pieces.n && r == 0 && base < to; i++) {
		const struct wb_store_piece *p = &s->state.pieces.items[i];
		uint64_t lo = from > base ? from : base;
		uint64_t hi = to < base + p->size ? to : base + p->size;
		struct wb_store_piece part = {
			p->off + (lo - base), p->start ? p->start + (lo - base) : 0, hi - lo};

		if (lo < hi)
			r = wb_store_map(
				s->env, s->state.pieces.path, &part, s->writable, s->at + lo, err);
		base += p->size;
	}
	return r;
}

int wb_store_reach(struct wb_store *s, uint64_t off, uint64_t size, struct wb_error *err)
{
	uint64_t first = off / WB_STORE_CHUNK, last = (off + size - 1) / WB_STORE_CHUNK;

	for (uint64_t c = first; size && c <= last; c++) {
		uint64_t end = (c + 1) * WB_STORE_CHUNK;
		int r;

		if (s->mapped[c])
			continue;
		r = map_span(
			s, c * WB_STORE_CHUNK, end < s->state.bytes ? end : s->state.bytes, err);
		if (r < 0)
			return r;
		s->mapped[c] = 1;
	}
	return 0;
}

int wb_store_reach_all(struct wb_store *s, struct wb_error *err)
{
	int r;

	s->writable = true;
	memset(s->mapped, 0, s->state.bytes / WB_STORE_CHUNK + 1);
	/* At once: as few mappings as there are pieces. */
	r = map_span(s, 0, s->state.bytes, err);
	if (r == 0)
		memset(s->mapped, 1, s->state.bytes / WB_STORE_CHUNK + 1);
	return r;
}

uint64_t wb_store_physical(const struct wb_store *s, uint64_t off)
{
	for (size_t i = 0; i < s->state.pieces.n; i++) {
		const struct wb_store_piece *p = &s->state.pieces.items[i];

		if (off < p->size)
			return p->start ? p->start + off : 0;
		off -= p->size;
	}
	return 0;
}

/* ---- for the next kernel ---- */

/* Carved memory must be told of piece by piece; what lies outside RAM anyway only by its header. */
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

/* Map what the state describes, ready for writing, or for reading where it is sealed. */
static int open_state(const struct wb_store_env *env, struct wb_store_state *state,
	struct wb_store **ret, struct wb_error *err)
{
	const struct wb_store_backend *backend = wb_store_backend_find(state->backend);
	WB_CLEAN_STORE s = NULL;
	struct wb_error local = {};
	int r;

	if (!backend)
		return wb_fail(err, -EBADMSG, "%s names no backend that there is: \"%s\"",
			WB_STORE_STATE, state->backend);
	r = wb_store_new(env, backend, state, &s, err);
	if (r == 0)
		r = wb_store_reach_all(s, err);
	if (r == 0 && backend->still_there)
		r = backend->still_there(env, &s->state, s->at, err);
	if (r == 0)
		r = fill_load(s, err);
	if (r < 0)
		return r;
	/* A header of this store's own nonce: it is sealed. Any other is of a store long gone. */
	r = wb_store_load_table(s, &local);
	if (r == -EBADMSG || r == -ENOMEM) {
		if (err)
			*err = local;
		return r;
	}
	s->sealed = r == 0;
	if (!s->sealed) {
		/* How far whoever had it before has written is not known, unless that was parked. */
		s->high = s->state.bytes;
		wb_store_unpark(s);
	}
	*ret = s;
	s = NULL;
	return 0;
}

/* An answer of the holder's, or a store of this boot's that nobody holds any more? */
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
		name ? wb_store_backend_find(name) : &wb_store_carve;
	struct wb_store *s;
	uint8_t nonce[16];
	int r;

	if (!backend)
		return wb_fail(err, -EINVAL, "there is no store of the kind \"%s\"", name);
	if (!bytes || bytes > INT64_MAX / 2)
		return wb_fail(err, -EINVAL, "a store of %llu bytes cannot be had",
			(unsigned long long)bytes);
	if (env->sys->files->exists(env->sys->files->ctx, WB_STORE_STATE))
		return wb_fail(err, -EEXIST,
			"this boot holds a store for the next jump already; run \"warmboot store "
			"drop\" to give it back");
	r = env->sys->random(env->sys->ctx, nonce, sizeof(nonce));
	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	r = reserve(env, backend, wb_align_up(bytes + OVERHEAD, WB_STORE_PAGE), nonce, err);
	if (r == 0) {
		r = wb_store_open(env, &s, err);
		if (r < 0)
			wb_store_drop(env, NULL);
	}
	if (r < 0)
		return r;
	/* What a region or a file held before must not be taken for this store's header. */
	memset(s->at, 0, WB_STORE_BLOCK);
	*ret = s;
	return 0;
}

int wb_store_drop(const struct wb_store_env *env, struct wb_error *err)
{
	const struct wb_store_backend *backend;
	WB_CLEAN_STORE_STATE state = {};
	int r = 0;

	if (!env->sys->files->exists(env->sys->files->ctx, WB_STORE_STATE))
		return 0;
	/* A state that cannot be read must not be in the way for ever. */
	if (wb_store_state_read(env->sys->files, &state, NULL) == 0) {
		backend = wb_store_backend_find(state.backend);
		if (backend)
			r = backend->release(env, &state, err);
	}
	if (r < 0)
		return r;
	if (env->sys->files->exists(env->sys->files->ctx, WB_STORE_PARKED))
		env->sys->remove_file(env->sys->ctx, WB_STORE_PARKED);
	r = env->sys->remove_file(env->sys->ctx, WB_STORE_STATE);
	return r < 0 ? wb_fail(err, r, "cannot remove %s: %s", WB_STORE_STATE, strerror(-r)) : 0;
}

struct wb_store_info wb_store_info(const struct wb_store *s)
{
	struct wb_store_info info = {
		.backend = s->backend->name,
		.size = s->state.bytes,
		.header = wb_store_physical(s, 0),
		.sealed = s->sealed,
		.objects = s->table.n,
	};

	memcpy(info.nonce, s->state.nonce, sizeof(info.nonce));
	for (size_t i = 0; i < s->table.n; i++)
		for (size_t k = 0; k < s->table.items[i].n; k++)
			info.used += wb_align_up(s->table.items[i].extents[k].size, WB_STORE_BLOCK);
	return info;
}
