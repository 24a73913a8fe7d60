// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/state.h"
#include "store/store.h"

int wb_store_pieces_add(struct wb_store_pieces *p, struct wb_store_piece piece)
{
	struct wb_store_piece *last = p->n ? &p->items[p->n - 1] : NULL, *items;

	if (last && last->off + last->size == piece.off &&
		(piece.start ? last->start && last->start + last->size == piece.start
			     : !last->start)) {
		last->size += piece.size;
		return 0;
	}
	items = realloc(p->items, (p->n + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	p->items = items;
	items[p->n++] = piece;
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

void wb_store_state_deinit(struct wb_store_state *s)
{
	if (!s)
		return;
	free(s->backend);
	free(s->error);
	wb_store_pieces_deinit(&s->pieces);
	*s = (struct wb_store_state){};
}

static int take_string(const json_t *json, const char *key, char **ret)
{
	const char *value = json_string_value(json_object_get(json, key));

	*ret = value ? strdup(value) : NULL;
	return value && !*ret ? -ENOMEM : 0;
}

static bool take_nonce(const char *hex, uint8_t ret[16])
{
	unsigned int byte;

	if (!hex || strlen(hex) != 32 || strspn(hex, "0123456789abcdef") != 32)
		return false;
	for (size_t i = 0; i < 16; i++) {
		sscanf(hex + 2 * i, "%2x", &byte);
		ret[i] = (uint8_t)byte;
	}
	return true;
}

static int take_pieces(const json_t *list, struct wb_store_pieces *ret)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_int_t off, start, size;

		if (json_unpack(json_array_get(list, i), "[I,I,I]", &off, &start, &size) < 0 ||
			off < 0 || start < 0 || size <= 0 || off > INT64_MAX - size ||
			start > INT64_MAX - size)
			return -EBADMSG;
		if (wb_store_pieces_add(ret, (struct wb_store_piece){off, start, size}) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int from_json(const json_t *json, struct wb_store_state *ret)
{
	const json_int_t bytes = json_integer_value(json_object_get(json, "bytes"));
	int r;

	ret->bytes = bytes;
	ret->wanted = json_is_true(json_object_get(json, "wanted"));
	ret->pid = (int)json_integer_value(json_object_get(json, "pid"));
	ret->code = (int)json_integer_value(json_object_get(json, "code"));
	if (bytes <= 0 || ret->pid < 0 || ret->code > 0 ||
		!take_nonce(json_string_value(json_object_get(json, "nonce")), ret->nonce))
		return -EBADMSG;
	r = take_string(json, "backend", &ret->backend);
	if (r == 0)
		r = take_string(json, "error", &ret->error);
	if (r == 0)
		r = take_string(json, "path", &ret->pieces.path);
	if (r == 0)
		r = take_pieces(json_object_get(json, "pieces"), &ret->pieces);
	if (r < 0)
		return r;
	if (!ret->backend || (ret->code && !ret->error))
		return -EBADMSG;
	if (!ret->wanted && !ret->code &&
		(!ret->pieces.path || wb_store_pieces_size(&ret->pieces) != ret->bytes))
		return -EBADMSG;
	return 0;
}

int wb_store_state_read(
	const struct wb_files *files, struct wb_store_state *ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE s = {};
	WB_CLEAN_BLOB blob = {};
	json_t *json;
	int r;

	r = files->read(files->ctx, WB_STORE_STATE, 64 << 20, &blob, err);
	if (r < 0)
		return r;
	json = json_loadb((const char *)blob.data, blob.size, 0, NULL);
	r = json_is_object(json) ? from_json(json, &s) : -EBADMSG;
	json_decref(json);
	if (r == -EBADMSG)
		return wb_fail(err, r,
			"%s is not what warmboot writes there: run \"warmboot store drop\"",
			WB_STORE_STATE);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	*ret = s;
	s = (struct wb_store_state){};
	return 0;
}

static json_t *to_json(const struct wb_store_state *s)
{
	json_t *json = json_object(), *pieces = json_array();
	char nonce[33];

	for (int i = 0; i < 16; i++)
		snprintf(nonce + 2 * i, 3, "%02x", s->nonce[i]);
	for (size_t i = 0; i < s->pieces.n; i++)
		json_array_append_new(
			pieces, json_pack("[I,I,I]", (json_int_t)s->pieces.items[i].off,
					(json_int_t)s->pieces.items[i].start,
					(json_int_t)s->pieces.items[i].size));
	json_object_set_new(json, "backend", json_string(s->backend));
	json_object_set_new(json, "bytes", json_integer((json_int_t)s->bytes));
	json_object_set_new(json, "nonce", json_string(nonce));
	json_object_set_new(json, "wanted", json_boolean(s->wanted));
	json_object_set_new(json, "pid", json_integer(s->pid));
	if (s->code) {
		json_object_set_new(json, "code", json_integer(s->code));
		json_object_set_new(json, "error", json_string(s->error));
	}
	if (s->pieces.path)
		json_object_set_new(json, "path", json_string(s->pieces.path));
	json_object_set_new(json, "pieces", pieces);
	return json;
}

int wb_store_state_write(
	const struct wb_sys *sys, const struct wb_store_state *state, struct wb_error *err)
{
	json_t *json = to_json(state);
	WB_CLEAN_STR text = json_dumps(json, JSON_COMPACT);
	struct wb_bytes bytes;
	int r;

	json_decref(json);
	if (!text)
		return wb_oom(err);
	bytes = (struct wb_bytes){(const uint8_t *)text, strlen(text)};
	r = sys->write_file(sys->ctx, WB_STORE_STATE, bytes, 0600);
	return r < 0 ? wb_fail(err, WB_STORE_NO_STATE, "cannot write %s: %s", WB_STORE_STATE,
			       strerror(-r))
		     : 0;
}
