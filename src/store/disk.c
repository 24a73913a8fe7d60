// SPDX-License-Identifier: LGPL-2.1-or-later
/* A file on the root file system: slow, and secrets reach the disk, so only when asked for by name. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

#define FILE_PATH "/var/lib/warmboot/store.img"

static int fill(struct wb_store_state *s, uint64_t size)
{
	s->bytes = size;
	s->pieces.path = strdup(FILE_PATH);
	return s->pieces.path ? wb_store_pieces_add(&s->pieces, (struct wb_store_piece){0, 0, size})
			      : -ENOMEM;
}

static int disk_reserve(
	const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	int r = env->io->create_file(env->io->ctx, FILE_PATH, state->bytes);

	if (r == -ENOSPC)
		return wb_fail(err, r,
			"too little room for a store of %" PRIu64 " MiB on the file system of %s",
			state->bytes >> 20, FILE_PATH);
	if (r < 0)
		return wb_fail(err, r, "cannot make %s: %s", FILE_PATH, strerror(-r));
	r = fill(state, state->bytes);
	if (r < 0)
		wb_fail(err, r, "out of memory");
	else
		r = wb_store_state_write(env->sys, state, err);
	if (r < 0)
		env->sys->remove_file(env->sys->ctx, FILE_PATH);
	return r;
}

static int remove_it(const struct wb_store_env *env, struct wb_error *err)
{
	int r = env->sys->remove_file(env->sys->ctx, FILE_PATH);

	return r < 0 ? wb_fail(err, r, "cannot remove %s: %s", FILE_PATH, strerror(-r)) : 0;
}

static int disk_release(
	const struct wb_store_env *env, const struct wb_store_state *state, struct wb_error *err)
{
	return remove_it(env, err);
}

static int disk_find(
	const struct wb_store_env *env, struct wb_store_state *ret, struct wb_error *err)
{
	const struct wb_files *f = env->sys->files;
	WB_CLEAN_STORE_STATE s = {.backend = strdup("disk")};
	WB_CLEAN_BLOB head = {}, last = {};
	uint64_t size;
	int r;

	if (!f->exists(f->ctx, FILE_PATH))
		return wb_fail(err, -ENOENT, "no store was handed on to this boot");
	r = f->read_at(f->ctx, FILE_PATH, 0, WB_STORE_BLOCK, &head, err);
	if (r < 0)
		return r;
	/* A file that ends early would kill whoever reads it where it is mapped. */
	size = wb_store_header_size(wb_blob_view(&head));
	if (!size || f->read_at(f->ctx, FILE_PATH, size - 1, 1, &last, NULL) < 0 || last.size != 1)
		return wb_fail(err, -EBADMSG,
			"%s is no store, or not a whole one: nothing was sealed in it; remove the "
			"file",
			FILE_PATH);
	if (!s.backend || fill(&s, size) < 0)
		return wb_oom(err);
	*ret = s;
	s = (struct wb_store_state){};
	return 0;
}

const struct wb_store_backend wb_store_disk = {
	.name = "disk",
	.reserve = disk_reserve,
	.release = disk_release,
	.find = disk_find,
	.wiped = remove_it,
};
