// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A region that the command lines of both kernels set aside (memmap=nn!ss). Neither of the system
 * calls that load a kernel places anything there, so that it is the store for signed kernels, too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"
#include "store/region.h"
#include "sys/handoff.h"

static int fill(struct wb_store_state *s, uint64_t start, uint64_t size)
{
	s->bytes = size;
	s->pieces.path = strdup("/dev/mem");
	return s->pieces.path ? wb_store_pieces_add(
					&s->pieces, (struct wb_store_piece){start, start, size})
			      : -ENOMEM;
}

static int pmem_reserve(
	const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	struct wb_store_region region;
	int r = wb_store_region_ready(env->sys->files, state->bytes, &region, err);

	if (r < 0)
		return r;
	if (wb_store_pmem_in_use(env->sys->files))
		return wb_fail(err, -EBUSY,
			"a file system or swap space lies on /dev/pmem, which may be the store's "
			"region; unmount it");
	wb_store_guard(env);
	r = fill(state, region.start, state->bytes);
	return r < 0 ? wb_fail(err, r, "out of memory")
		     : wb_store_state_write(env->sys, state, err);
}

/* Memory that nobody clears before the next one uses it. */
static int pmem_release(
	const struct wb_store_env *env, const struct wb_store_state *state, struct wb_error *err)
{
	const struct wb_store_io *io = env->io;
	uint8_t *at;
	int r = 0;

	if (state->pieces.n != 1)
		return 0;
	if (io->area(io->ctx, state->bytes, &at) < 0)
		return wb_oom(err);
	r = wb_store_map(env, state->pieces.path, &state->pieces.items[0], true, at, err);
	if (r == 0) {
		memset(at, 0, state->bytes);
		r = io->sync(io->ctx, at, state->bytes);
	}
	io->unmap(io->ctx, at, state->bytes);
	return r;
}

/* How large the store is that lies at the beginning of a region; 0: none does. */
static uint64_t peek(const struct wb_store_env *env, const struct wb_store_region *region)
{
	struct wb_store_piece part = {region->start, region->start, WB_STORE_BLOCK};
	const struct wb_store_io *io = env->io;
	uint64_t size = 0;
	uint8_t *at;

	if (io->area(io->ctx, WB_STORE_PAGE, &at) < 0)
		return 0;
	if (wb_store_map(env, "/dev/mem", &part, false, at, NULL) == 0)
		size = wb_store_header_size((struct wb_bytes){at, WB_STORE_BLOCK});
	io->unmap(io->ctx, at, WB_STORE_PAGE);
	return size <= region->size ? size : 0;
}

static int pmem_find(
	const struct wb_store_env *env, struct wb_store_state *ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE s = {.backend = strdup("pmem")};
	struct wb_store_region region;
	uint64_t size;

	for (size_t i = 0; wb_store_region_running(env->sys->files, i, &region); i++) {
		size = peek(env, &region);
		if (!size)
			continue;
		if (!s.backend || fill(&s, region.start, size) < 0)
			return wb_oom(err);
		*ret = s;
		s = (struct wb_store_state){};
		return 0;
	}
	return wb_fail(err, -ENOENT, "no store was handed on to this boot");
}

const struct wb_store_backend wb_store_pmem = {
	.name = "pmem",
	.reserve = pmem_reserve,
	.release = pmem_release,
	.find = pmem_find,
};
