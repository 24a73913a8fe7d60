// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/strv.h"
#include "keep/json.h"

/* No list is longer unless its row says so. */
#define LONGEST 65536

typedef WB_LIST(char) any_list;

static void *at(const void *from, const struct wb_json_field *f)
{
	return (char *)from + f->offset;
}

void *wb_list_add(void *list, size_t item)
{
	any_list *l = list;
	char *p = l->items;

	/* Room doubles: it is full whenever the count is a power of two. */
	if ((l->n & (l->n - 1)) == 0) {
		p = reallocarray(l->items, l->n ? l->n * 2 : 1, item);
		if (!p)
			return NULL;
		l->items = p;
	}
	memset(p + l->n * item, 0, item);
	return p + l->n++ * item;
}

static int bad(
	const struct wb_json_field *f, const char *what, const char *why, struct wb_error *err)
{
	return wb_fail(err, -EBADMSG, "%s: \"%s\" %s", what, f->key, why);
}

static int read_int(const json_t *value, const struct wb_json_field *f, const char *what,
	int64_t *ret, struct wb_error *err)
{
	int64_t v = json_integer_value(value);

	if (!json_is_integer(value))
		return bad(f, what, "is no integer", err);
	if ((f->min || f->max) && (v < f->min || v > f->max))
		return bad(f, what, "is out of its limits", err);
	*ret = v;
	return 0;
}

/* The other way round: write_string(). */
static int read_hex(const json_t *value, char **ret)
{
	static const char digits[] = "0123456789abcdef";
	const char *hex = json_string_value(json_object_get(value, "hex"));
	size_t n = hex ? strlen(hex) : 0;
	char *text;

	if (!n || n % 2 || strspn(hex, digits) != n)
		return -EBADMSG;
	text = calloc(n / 2 + 1, 1);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		text[i / 2] = (char)(text[i / 2] << 4 | (strchr(digits, hex[i]) - digits));
	*ret = text;
	if (strlen(text) == n / 2)
		return 0;
	free(text);
	*ret = NULL;
	return -EBADMSG;
}

static int read_string(const json_t *value, const struct wb_json_field *f, const char *what,
	char **ret, struct wb_error *err)
{
	const char *s = json_string_value(value);
	WB_CLEAN_STR text = NULL;

	if (json_is_object(value) && read_hex(value, &text) == -ENOMEM)
		return wb_oom(err);
	if (!s && !text)
		return bad(f, what, "is no string", err);
	/* A NUL inside would show this check another text than the one that is used. */
	if (s && strlen(s) != json_string_length(value))
		return bad(f, what, "has a value that is not allowed", err);
	if (!text)
		text = strdup(s);
	if (!text)
		return wb_oom(err);
	if (f->valid && !f->valid(text))
		return bad(f, what, "has a value that is not allowed", err);
	*ret = text;
	text = NULL;
	return 0;
}

static int read_list(const json_t *value, const struct wb_json_field *f, const char *what,
	any_list *ret, struct wb_error *err)
{
	size_t most = f->kind == WB_JSON_LIST && f->max ? (size_t)f->max : LONGEST;
	int r = 0;

	if (!json_is_array(value))
		return bad(f, what, "is no list", err);
	if (json_array_size(value) > most)
		return bad(f, what, "has too many elements", err);
	for (size_t i = 0; r == 0 && i < json_array_size(value); i++) {
		size_t item = f->kind == WB_JSON_LIST ? f->item : sizeof(int64_t);
		void *p = wb_list_add(ret, item);

		if (!p)
			return wb_oom(err);
		if (f->kind == WB_JSON_INTS)
			r = read_int(json_array_get(value, i), f, what, p, err);
		else
			r = wb_json_read(json_array_get(value, i), f->fields, what, p, err);
	}
	return r;
}

static int read_field(const json_t *value, const struct wb_json_field *f, const char *what,
	void *ret, struct wb_error *err)
{
	switch (f->kind) {
	case WB_JSON_STRING:
		return read_string(value, f, what, ret, err);
	case WB_JSON_INT:
		return read_int(value, f, what, ret, err);
	case WB_JSON_REAL:
		if (!json_is_number(value))
			return bad(f, what, "is no number", err);
		*(double *)ret = json_number_value(value);
		return 0;
	case WB_JSON_BOOL:
		if (!json_is_boolean(value))
			return bad(f, what, "is neither true nor false", err);
		*(bool *)ret = json_is_true(value);
		return 0;
	case WB_JSON_LIST:
	case WB_JSON_INTS:
		return read_list(value, f, what, ret, err);
	case WB_JSON_STRUCT:
		return wb_json_read(value, f->fields, what, ret, err);
	case WB_JSON_VALUE:
		*(json_t **)ret = json_deep_copy(value);
		return *(json_t **)ret ? 0 : wb_oom(err);
	case WB_JSON_END:
		break;
	}
	return 0;
}

int wb_json_read(const json_t *json, const struct wb_json_field *fields, const char *what,
	void *ret, struct wb_error *err)
{
	int r = 0;

	if (!json_is_object(json))
		return wb_fail(err, -EBADMSG, "%s: an object was expected", what);
	for (const struct wb_json_field *f = fields; r == 0 && f->key; f++) {
		const json_t *value = json_object_get(json, f->key);

		if (value && !json_is_null(value))
			r = read_field(value, f, what, at(ret, f), err);
		else if (f->needed)
			r = bad(f, what, "is missing", err);
	}
	if (r < 0)
		wb_json_free(fields, ret);
	return r;
}

int wb_json_parse(struct wb_bytes text, const struct wb_json_field *fields, const char *what,
	void *ret, struct wb_error *err)
{
	json_error_t where;
	json_t *json = json_loadb((const char *)text.data, text.size, 0, &where);
	int r;

	if (!json)
		return wb_fail(err, -EBADMSG, "%s, line %d, is no JSON", what, where.line);
	r = wb_json_read(json, fields, what, ret, err);
	json_decref(json);
	return r;
}

/* JSON is UTF-8, and a file's name any bytes: what is none stands as {"hex": "2fff"}. */
static json_t *write_string(const char *s)
{
	json_t *json = json_string(s);
	WB_CLEAN_STR hex = NULL;

	if (json)
		return json;
	hex = malloc(2 * strlen(s) + 1);
	if (!hex)
		return NULL;
	for (size_t i = 0; s[i]; i++)
		sprintf(hex + 2 * i, "%02x", (unsigned char)s[i]);
	return json_pack("{s:s}", "hex", hex);
}

static json_t *write_list(const struct wb_json_field *f, const any_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->n; i++) {
		json_t *item;

		if (f->kind == WB_JSON_INTS)
			item = json_integer(((const int64_t *)(const void *)list->items)[i]);
		else
			item = wb_json_write(f->fields, list->items + i * f->item);
		if (json_array_append_new(array, item) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* *ret_absent: there is nothing to write, which is no failure. */
static json_t *write_field(const struct wb_json_field *f, const void *from, bool *ret_absent)
{
	switch (f->kind) {
	case WB_JSON_STRING:
		*ret_absent = !*(char *const *)from;
		return *ret_absent ? NULL : write_string(*(char *const *)from);
	case WB_JSON_INT:
		return json_integer(*(const int64_t *)from);
	case WB_JSON_REAL:
		return json_real(*(const double *)from);
	case WB_JSON_BOOL:
		return json_boolean(*(const bool *)from);
	case WB_JSON_LIST:
	case WB_JSON_INTS:
		return write_list(f, from);
	case WB_JSON_STRUCT:
		return wb_json_write(f->fields, from);
	case WB_JSON_VALUE:
		*ret_absent = !*(json_t *const *)from;
		return *ret_absent ? NULL : json_deep_copy(*(json_t *const *)from);
	case WB_JSON_END:
		break;
	}
	return NULL;
}

json_t *wb_json_write(const struct wb_json_field *fields, const void *from)
{
	json_t *json = json_object();

	for (const struct wb_json_field *f = fields; f->key; f++) {
		bool absent = false;
		json_t *value = write_field(f, at(from, f), &absent);

		if (!absent && json_object_set_new(json, f->key, value) < 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

char *wb_json_text(const struct wb_json_field *fields, const void *from)
{
	json_t *json = wb_json_write(fields, from);
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;

	json_decref(json);
	return text;
}

void wb_json_free(const struct wb_json_field *fields, void *from)
{
	for (const struct wb_json_field *f = fields; f->key; f++) {
		void *p = at(from, f);
		any_list *list = p;

		switch (f->kind) {
		case WB_JSON_STRING:
			free(*(char **)p);
			*(char **)p = NULL;
			break;
		case WB_JSON_LIST:
			for (size_t i = 0; i < list->n; i++)
				wb_json_free(f->fields, list->items + i * f->item);
			free(list->items);
			*list = (any_list){};
			break;
		case WB_JSON_INTS:
			free(list->items);
			*list = (any_list){};
			break;
		case WB_JSON_STRUCT:
			wb_json_free(f->fields, p);
			break;
		case WB_JSON_VALUE:
			json_decref(*(json_t **)p);
			*(json_t **)p = NULL;
			break;
		default:
			break;
		}
	}
}
