// SPDX-License-Identifier: LGPL-2.1-or-later
/* Objects of the store that are filled from outside. */
#include <errno.h>
#include <stdlib.h>

#include "core/strv.h"
#include "keep/object.h"

#define SCRATCH (1u << 20)

static int space(void *ctx, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	struct wb_keep_object *o = ctx;
	int r = 0;

	if (!o->left)
		return wb_fail(err, -ENOSPC, "%s", o->full);
	*ret = o->scratch;
	*ret_n = SCRATCH;
	if (o->writer)
		r = wb_store_space(o->writer, ret, ret_n, err);
	if (r == 0 && *ret_n > o->left)
		*ret_n = (size_t)o->left;
	return r;
}

static void commit(void *ctx, size_t n)
{
	struct wb_keep_object *o = ctx;

	o->left -= n;
	if (o->writer)
		wb_store_commit(o->writer, n);
}

int wb_keep_object_begin(struct wb_keep_object *o, const struct wb_manifest_unit *u,
	const char *name, struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_STR full = NULL;

	o->writer = NULL;
	o->scratch = NULL;
	if (!store) {
		o->scratch = malloc(SCRATCH);
		return o->scratch ? 0 : wb_oom(err);
	}
	full = wb_strf("%s%s", u->images, name);
	return full ? wb_store_begin(store, full, &o->writer, err) : wb_oom(err);
}

int wb_keep_object_end(struct wb_keep_object *o, int r, struct wb_error *err)
{
	free(o->scratch);
	if (o->writer && r == 0)
		return wb_store_end(o->writer, err);
	wb_store_abort(o->writer);
	return r;
}

struct wb_room wb_keep_object_room(struct wb_keep_object *o)
{
	return (struct wb_room){o, space, commit};
}
