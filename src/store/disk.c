// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend "disk": a file on the root file system. It is slow, and secrets reach the disk, so it
 * is used only on request.
 */
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

/*
 * The file is written after other file systems are unmounted, and read before they are mounted
 * again.
 */
static int disk_available(const struct wb_store_env *env, uint64_t bytes, struct wb_error *err)
{
	if (env->io->on_root(env->io->ctx, "/var/lib/warmboot", "/var/lib"))
		return 0;
	return wb_fail(err, -EOPNOTSUPP,
		"--store=disk needs /var/lib/warmboot on the root file system, and here it lies on "
		"another, which a shutdown unmounts before services freeze");
}

static int disk_reserve(
	const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	int r = wb_store_erase_old(env, &wb_store_disk, err);

	if (r < 0)
		return r;
	r = env->io->create_file(env->io->ctx, FILE_PATH, state->bytes);
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

/*
 * Find the store; of a file that is no store, or not a whole one, take all of it, so that it can be
 * wiped.
 */
static int disk_find(
	const struct wb_store_env *env, struct wb_store_state *ret, struct wb_error *err)
{
	const struct wb_files *f = env->sys->files;
	WB_CLEAN_STORE_STATE s = {.backend = strdup("disk")};
	WB_CLEAN_BLOB head = {};
	struct wb_store_header h;
	int64_t size;
	int r;

	if (!f->exists(f->ctx, FILE_PATH))
		return wb_fail(err, -ENOENT, "no store was handed on to this boot");
	size = env->io->file_size(env->io->ctx, FILE_PATH);
	if (size < 0)
		return wb_fail(
			err, (int)size, "cannot read %s: %s", FILE_PATH, strerror((int)-size));
	if (size < WB_STORE_BLOCK)
		return wb_fail(err, -EBADMSG, "%s is too short for a store", FILE_PATH);
	r = f->read_at(f->ctx, FILE_PATH, 0, WB_STORE_BLOCK, &head, err);
	if (r < 0)
		return r;
	if (wb_store_header_check(wb_blob_view(&head), (uint64_t)size, &h))
		size = (int64_t)h.size;
	/*
	 * The last page of the file can be mapped; an access to the next one would kill the
	 * process.
	 */
	if (!s.backend || fill(&s, wb_align_up((uint64_t)size, WB_STORE_BLOCK)) < 0)
		return wb_oom(err);
	*ret = s;
	s = (struct wb_store_state){};
	return 0;
}

const struct wb_store_backend wb_store_disk = {
	.name = "disk",
	.on_request = true,
	.available = disk_available,
	.reserve = disk_reserve,
	.release = disk_release,
	.find = disk_find,
	.wiped = remove_it,
};
