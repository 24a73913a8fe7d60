// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading and writing the state of a store, and checking that its values fit together. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/json-table.h"
#include "store/state.h"
#include "store/store.h"

/* Enough for 32 TiB of the smallest pieces. */
#define MOST_PIECES (1 << 24)

int wb_store_pieces_add(struct wb_store_pieces *p, struct wb_store_piece piece)
{
	struct wb_store_piece *last = p->n ? &p->items[p->n - 1] : NULL;

	if (last && last->off + last->size == piece.off &&
		(piece.start ? last->start && last->start + last->size == piece.start
			     : !last->start)) {
		last->size += piece.size;
		return 0;
	}
	last = wb_list_add(&p->items, sizeof(*last));
	if (!last)
		return -ENOMEM;
	*last = piece;
	return 0;
}

void wb_store_pieces_deinit(struct wb_store_pieces *p)
{
	free(p->path);
	free(p->items);
	*p = (struct wb_store_pieces){};
}

uint64_t wb_store_pieces_size(const struct wb_store_pieces *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->n; i++)
		sum += p->items[i].size;
	return sum;
}

#define ROW(...) WB_JSON_ROW(struct wb_store_state, __VA_ARGS__)
#define PIECE(member, low)                                                                    \
	WB_JSON_ROW(struct wb_store_piece, member, WB_JSON_INT, .needed = true, .min = (low), \
		.max = INT64_MAX)

static const struct wb_json_field piece_fields[] = {
	PIECE(off, 0),
	PIECE(start, 0),
	PIECE(size, 1),
	{},
};

static const struct wb_json_field fields[] = {
	ROW(backend, WB_JSON_STRING, .needed = true),
	ROW(bytes, WB_JSON_INT, .needed = true, .min = 1, .max = INT64_MAX),
	ROW(nonce, WB_JSON_HEX, .needed = true),
	ROW(wanted, WB_JSON_BOOL),
	ROW(pid, WB_JSON_INT, .min = 0, .max = INT_MAX),
	ROW(code, WB_JSON_INT, .sparse = true, .min = INT_MIN),
	ROW(error, WB_JSON_STRING),
	WB_JSON_ROW_AS("path", struct wb_store_state, pieces.path, WB_JSON_STRING),
	WB_JSON_PAIR("pieces", struct wb_store_state, pieces.items, pieces.n, piece_fields,
		MOST_PIECES, .positional = true),
	{},
};

void wb_store_state_deinit(struct wb_store_state *s)
{
	if (!s)
		return;
	wb_json_free(fields, s);
	*s = (struct wb_store_state){};
}

/* Check values that depend on each other, which the rows cannot. */
static int check(const struct wb_store_state *s, struct wb_error *err)
{
	for (size_t i = 0; i < s->pieces.n; i++) {
		const struct wb_store_piece *p = &s->pieces.items[i];

		if (p->off > INT64_MAX - p->size || p->start > INT64_MAX - p->size)
			return wb_fail(err, -EBADMSG, "%s: a piece goes beyond all addresses",
				WB_STORE_STATE);
	}
	if (s->code && !s->error)
		return wb_fail(err, -EBADMSG, "%s: \"error\" is missing", WB_STORE_STATE);
	if (s->wanted || s->code)
		return 0;
	if (!s->pieces.path)
		return wb_fail(err, -EBADMSG, "%s: \"path\" is missing", WB_STORE_STATE);
	if (wb_store_pieces_size(&s->pieces) != s->bytes)
		return wb_fail(err, -EBADMSG, "%s: the pieces are not of \"bytes\" together",
			WB_STORE_STATE);
	return 0;
}

int wb_store_state_read(
	const struct wb_files *files, struct wb_store_state *ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE s = {};
	struct wb_error why = {};
	int r = wb_json_read_file(files, WB_STORE_STATE, 64 << 20, fields, &s, &why);

	if (r == 0)
		r = check(&s, &why);
	if (r < 0)
		return wb_fail(
			err, r, r == -EBADMSG ? "%s: run \"warmboot store drop\"" : "%s", why.text);
	*ret = s;
	s = (struct wb_store_state){};
	return 0;
}

int wb_store_state_write(
	const struct wb_sys *sys, const struct wb_store_state *state, struct wb_error *err)
{
	WB_CLEAN_STR text = wb_json_text(fields, state, JSON_COMPACT);
	struct wb_bytes bytes;
	int r;

	if (!text)
		return wb_oom(err);
	bytes = (struct wb_bytes){(const uint8_t *)text, strlen(text)};
	r = sys->write_file(sys->ctx, WB_STORE_STATE, bytes, 0600);
	return r < 0 ? wb_fail(err, WB_STORE_NO_STATE, "cannot write %s: %s", WB_STORE_STATE,
			       strerror(-r))
		     : 0;
}
