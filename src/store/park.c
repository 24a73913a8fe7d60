// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Parking a store: one process leaves its objects to another one of the same boot, which goes on
 * writing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"
#include "store/state.h"

/* The largest parked file that is read: enough for many units with many images each. */
#define LARGEST_TABLE (64u << 20)

/*
 * Write header and table as for sealing, but to a file, so that the store itself stays unreadable.
 */
int wb_store_park(struct wb_store *s, struct wb_error *err)
{
	struct wb_store_header h = {
		.size = s->state.bytes,
		.high = s->high,
		.table_off = WB_STORE_BLOCK,
		.state = WB_STORE_SEALED,
	};
	WB_CLEAN_BLOB table = {}, file = {};
	int r;

	if (s->attached || s->sealed)
		return wb_fail(err, -EROFS, "the store is sealed already");
	if (s->writers)
		return wb_fail(err, -EBUSY, "an object in the store is not whole yet");
	r = wb_store_table_encode(&s->table, &table, &h);
	memcpy(h.nonce, s->state.nonce, sizeof(h.nonce));
	wb_store_header_finish(&h);
	if (r == 0)
		r = wb_blob_append(&file, &h, sizeof(h));
	if (r == 0)
		r = wb_blob_append(&file, table.data, table.size);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	r = s->env->sys->write_file(s->env->sys->ctx, WB_STORE_PARKED, wb_blob_view(&file), 0600);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", WB_STORE_PARKED, strerror(-r)) : 0;
}

/* Collect the free room between the objects. */
static int find_room(struct wb_store *s, const struct wb_store_table *t)
{
	struct wb_store_extent *list;
	uint64_t next = WB_STORE_BLOCK;
	size_t n, n_gap = 0;
	int r = wb_store_table_extents(t, &list, &n);

	if (r < 0)
		return r;
	/*
	 * The list of extents becomes the list of gaps, in place. An extent has at most one gap before it, so
	 * no extent is overwritten before it was read.
	 */
	for (size_t i = 0; i < n; i++) {
		struct wb_store_extent x = list[i];

		if (x.off > next)
			list[n_gap++] = (struct wb_store_extent){next, x.off - next, 0};
		next = wb_align_up(x.off + x.size, WB_STORE_BLOCK);
	}
	free(s->gap);
	s->gap = list;
	s->n_gap = n_gap;
	s->next = next;
	return 0;
}

static int take_table(struct wb_store *s, struct wb_bytes file)
{
	WB_CLEAN_STORE_TABLE table = {};
	struct wb_store_header h;
	int r = wb_store_parked_parse(file, s->state.bytes, &h, &table);

	if (r < 0)
		return r;
	if (memcmp(h.nonce, s->state.nonce, sizeof(h.nonce)))
		return -ESTALE;
	r = find_room(s, &table);
	if (r < 0)
		return r;
	s->table = table;
	table = (struct wb_store_table){};
	s->high = h.high;
	return 0;
}

void wb_store_unpark(struct wb_store *s)
{
	const struct wb_files *files = s->env->sys->files;
	WB_CLEAN_BLOB file = {};

	/*
	 * Without a parked table, or with a damaged one or one of another store, the store is
	 * empty.
	 */
	if (files->exists(files->ctx, WB_STORE_PARKED) &&
		files->read(files->ctx, WB_STORE_PARKED, LARGEST_TABLE, &file, NULL) == 0)
		take_table(s, wb_blob_view(&file));
}
