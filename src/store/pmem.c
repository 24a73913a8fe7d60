// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend "pmem": a region that the command lines of both kernels set aside (struct wb_arch,
 * region_word). Neither of the system calls that load a kernel places anything there, so this
 * backend also works with signed kernels.
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

static int pmem_available(const struct wb_store_env *env, uint64_t bytes, struct wb_error *err)
{
	struct wb_store_region region;
	int r = wb_store_region_ready(env->sys->files, bytes, &region, err);

	if (r == 0 || r == -EACCES)
		return 0;
	return bytes ? r : wb_fail_in(err, r, "--store=pmem: ");
}

/*
 * May a store be made in the region? Unknown contents are old contents of RAM, and are overwritten,
 * unless they look like data that somebody has put there since.
 */
static int check_contents(
	const struct wb_store_env *env, const struct wb_store_region *region, struct wb_error *err)
{
	size_t n = region->size < WB_STORE_FOREIGN ? (size_t)region->size : WB_STORE_FOREIGN;
	WB_CLEAN_BLOB head = {};
	struct wb_store_header h;
	const char *foreign;
	int r;

	if (wb_store_pmem_in_use(env, region->start, region->size))
		return wb_fail(err, -EBUSY,
			"the store's region at %#llx is in use as a disk (/dev/pmem): a file "
			"system or swap space lies on it; unmount it",
			(unsigned long long)region->start);
	if (wb_store_header_at(env, region->start, region->size, &h))
		return 0;
	if (wb_blob_reserve(&head, n) < 0)
		return wb_oom(err);
	for (size_t at = 0; at < n; at += WB_STORE_BLOCK) {
		r = wb_store_peek(env, region->start + at, head.data + at, WB_STORE_BLOCK);
		if (r < 0)
			return wb_fail(err, -EACCES,
				"the store's region at %#llx cannot be read: %s",
				(unsigned long long)region->start, strerror(-r));
	}
	foreign = wb_store_foreign((struct wb_bytes){head.data, n});
	return foreign ? wb_fail(err, -EBUSY,
				 "the store's region at %#llx holds what looks like %s, and "
				 "warmboot does not write over it; if it is nobody's, remove it by "
				 "\"modprobe -a nd_pmem %s\" and \"wipefs --all\" on its "
				 "/dev/pmem",
				 (unsigned long long)region->start, foreign,
				 wb_store_pmem_module(env))
		       : 0;
}

static int pmem_reserve(
	const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	struct wb_store_region region;
	int r = wb_store_region_ready(env->sys->files, state->bytes, &region, err);

	if (r == 0)
		r = check_contents(env, &region, err);
	if (r == 0)
		r = wb_store_erase_old(env, &wb_store_pmem, err);
	if (r < 0)
		return r;
	r = fill(state, region.start, state->bytes);
	return r < 0 ? wb_fail(err, r, "out of memory")
		     : wb_store_state_write(env->sys, state, err);
}

static int pmem_release(
	const struct wb_store_env *env, const struct wb_store_state *state, struct wb_error *err)
{
	return 0; /* the region stays, for the next store */
}

/* The size of the store at the beginning of a region; 0: there is none. */
static uint64_t look_at(const struct wb_store_env *env, const struct wb_store_region *region)
{
	uint8_t block[WB_STORE_BLOCK];
	struct wb_bytes b = {block, sizeof(block)};
	struct wb_store_header h;

	if (wb_store_peek(env, region->start, block, sizeof(block)) < 0)
		return 0;
	if (wb_store_header_check(b, region->size, &h))
		return h.size;
	/* The size in a damaged header does not count. */
	return wb_store_has_magic(b) ? region->size : 0;
}

static int pmem_find(
	const struct wb_store_env *env, struct wb_store_state *ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE s = {.backend = strdup("pmem")};
	struct wb_store_region region;
	uint64_t size;

	for (size_t i = 0; wb_store_region_running(env->sys->files, i, &region); i++) {
		size = look_at(env, &region);
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

static bool pmem_in_use(const struct wb_store_env *env, const struct wb_store_state *state)
{
	const struct wb_store_piece *p = &state->pieces.items[0];

	return wb_store_pmem_in_use(env, p->start, p->size);
}

const struct wb_store_backend wb_store_pmem = {
	.name = "pmem",
	.set_aside = true,
	.available = pmem_available,
	.reserve = pmem_reserve,
	.in_use = pmem_in_use,
	.release = pmem_release,
	.find = pmem_find,
};
