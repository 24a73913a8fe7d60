// SPDX-License-Identifier: LGPL-2.1-or-later
/* A store as an object in this process: its mapping, its addresses, and the facts about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

int wb_store_new(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store_state *state, struct wb_store **ret, struct wb_error *err)
{
	struct wb_store *s = calloc(1, sizeof(*s));
	uint64_t size = state->bytes;

	if (!s)
		return wb_oom(err);
	pthread_mutex_init(&s->lock, NULL);
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
	wb_store_share_end(s);
	free(s->ranges);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Map [from, to) of the store's own addresses, from all of its pieces. */
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
	/* Map all at once, for as few mappings as there are pieces. */
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
