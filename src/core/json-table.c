// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading, writing and freeing of structs by their tables: a switch over the kinds for each. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json-table.h"
#include "core/json.h"
#include "core/strv.h"
#include "core/text.h"

/* No list is longer unless its row says so. */
#define LONGEST 65536
/* A clock that is right never shows so many seconds, and no difference of two times is as large. */
#define NO_TIME 1e9
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"

typedef WB_LIST(char) any_list;

static int read_tuple(const json_t *value, const struct wb_json_field *list, const char *what,
	void *ret, struct wb_error *err);
static json_t *write_field(const struct wb_json_field *f, const void *from, bool *ret_absent);

static void *at(const void *from, const struct wb_json_field *f)
{
	return (char *)from + f->offset;
}

static int bad(
	const struct wb_json_field *f, const char *what, const char *why, struct wb_error *err)
{
	return wb_fail(err, -EBADMSG, "%s: \"%s\" %s", what, f->key, why);
}

/* The value of an enum, a bool or an integer. */
static int64_t load(const void *from, size_t size)
{
	if (size == sizeof(bool))
		return *(const bool *)from;
	return size == sizeof(int) ? *(const int *)from : *(const int64_t *)from;
}

static void store(void *ret, size_t size, int64_t value)
{
	if (size == sizeof(bool))
		*(bool *)ret = value;
	else if (size == sizeof(int))
		*(int *)ret = (int)value;
	else
		*(int64_t *)ret = value;
}

static bool is_within(const struct wb_json_field *f, int64_t v)
{
	return !(f->min || f->max) || (v >= f->min && v <= f->max);
}

static int read_int(const json_t *value, const struct wb_json_field *f, size_t size,
	const char *what, void *ret, struct wb_error *err)
{
	int64_t v = json_integer_value(value);

	if (!json_is_integer(value))
		return bad(f, what, "is no integer", err);
	if (!is_within(f, v) || (size == sizeof(int) && v != (int)v))
		return bad(f, what, "is out of its limits", err);
	store(ret, size, v);
	return 0;
}

/* The reverse of write_string(). */
static int read_hex(const json_t *value, char **ret)
{
	const char *hex = json_string_value(json_object_get(value, "hex"));
	size_t n = hex ? strlen(hex) : 0;
	char *text;

	if (!n || n % 2)
		return -EBADMSG;
	text = calloc(n / 2 + 1, 1);
	if (!text)
		return -ENOMEM;
	if (!wb_hex_read(hex, n / 2, (uint8_t *)text) || strlen(text) != n / 2) {
		free(text);
		return -EBADMSG;
	}
	*ret = text;
	return 0;
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
	/* With a NUL inside, this check would see another text than the one that is used. */
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

static int read_chars(const json_t *value, const struct wb_json_field *f, size_t size,
	const char *what, char *ret, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	int r = read_string(value, f, what, &text, err);

	if (r < 0)
		return r;
	snprintf(ret, size, "%s", text);
	wb_make_plain(ret);
	return 0;
}

static int read_enum(const json_t *value, const struct wb_json_field *f, const char *what,
	void *ret, struct wb_error *err)
{
	const char *name = json_string_value(value);
	int v;

	if (!name)
		return bad(f, what, "is no string", err);
	if (!wb_name_read(f->names, name, &v) || !is_within(f, v)) {
		if (!f->other)
			return bad(f, what, "has a value that is not allowed", err);
		v = f->other;
	}
	store(ret, f->size, v);
	return 0;
}

static bool is_time(double s)
{
	return isfinite(s) && fabs(s) < NO_TIME;
}

static int read_seconds(const json_t *value, const struct wb_json_field *f, const char *what,
	double *ret, struct wb_error *err)
{
	double s = json_number_value(value);

	if (!json_is_number(value))
		return bad(f, what, "is no number", err);
	if (is_time(s))
		*ret = s;
	return 0;
}

static int read_time(const json_t *value, const struct wb_json_field *f, const char *what,
	int64_t *ret, struct wb_error *err)
{
	const char *text = json_string_value(value);
	struct tm tm = {};

	if (!text)
		return bad(f, what, "is no string", err);
	if (strptime(text, TIME_FORMAT, &tm))
		*ret = timegm(&tm);
	return 0;
}

static int read_text(const json_t *value, const struct wb_json_field *f, const char *what,
	any_list *ret, struct wb_error *err)
{
	size_t n = json_string_length(value);
	bool as_digits = f->kind == WB_JSON_HEXTEXT;
	char *text;

	if (!json_is_string(value))
		return bad(f, what, "is no string", err);
	if (ret->items)
		return bad(f, what, "is there in two ways", err);
	if (as_digits)
		n /= 2;
	text = calloc(n + 1, 1);
	if (!text)
		return wb_oom(err);
	if (!as_digits) {
		memcpy(text, json_string_value(value), n);
	} else if (!wb_hex_read(json_string_value(value), n, (uint8_t *)text)) {
		free(text);
		return bad(f, what, "is not the hexadecimal digits that it has to be", err);
	}
	ret->items = text;
	ret->n = n;
	return 0;
}

static int read_element(const json_t *value, const struct wb_json_field *f, const char *what,
	void *list, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	void *p;
	int r;

	if (f->kind == WB_JSON_STRINGS) {
		r = read_string(value, f, what, &text, err);
		if (r < 0)
			return r;
		return wb_strv_add(list, text) < 0 ? wb_oom(err) : 0;
	}
	p = wb_list_add(list, f->kind == WB_JSON_INTS ? sizeof(int64_t) : f->item);
	if (!p)
		return wb_oom(err);
	if (f->kind == WB_JSON_INTS)
		return read_int(value, f, sizeof(int64_t), what, p, err);
	return f->positional ? read_tuple(value, f, what, p, err)
			     : wb_json_read(value, f->fields, what, p, err);
}

static int read_list(const json_t *value, const struct wb_json_field *f, const char *what,
	any_list *ret, struct wb_error *err)
{
	size_t most = f->kind != WB_JSON_INTS && f->max ? (size_t)f->max : LONGEST;
	int r = 0;

	if (!json_is_array(value))
		return bad(f, what, "is no list", err);
	if (json_array_size(value) > most)
		return bad(f, what, "has too many elements", err);
	for (size_t i = 0; r == 0 && i < json_array_size(value); i++)
		r = read_element(json_array_get(value, i), f, what, ret, err);
	return r;
}

static size_t *count_of(const struct wb_json_field *f, const void *array)
{
	return (size_t *)(void *)((char *)array - f->offset + f->count);
}

static int read_array(const json_t *value, const struct wb_json_field *f, const char *what,
	char *ret, struct wb_error *err)
{
	size_t *n = count_of(f, ret);
	int r = 0;

	if (!json_is_array(value))
		return bad(f, what, "is no list", err);
	for (*n = 0; r == 0 && *n < json_array_size(value) && *n < (size_t)f->max; ++*n) {
		const json_t *element = json_array_get(value, *n);
		char *p = ret + *n * f->item;

		if (f->fields)
			r = wb_json_read(element, f->fields, what, p, err);
		else if (!json_is_null(element))
			r = read_chars(element, f, f->item, what, p, err);
	}
	return r;
}

static int read_field(const json_t *value, const struct wb_json_field *f, const char *what,
	void *ret, struct wb_error *err)
{
	switch (f->kind) {
	case WB_JSON_STRING:
		return read_string(value, f, what, ret, err);
	case WB_JSON_CHARS:
		return read_chars(value, f, f->size, what, ret, err);
	case WB_JSON_INT:
		return read_int(value, f, f->size, what, ret, err);
	case WB_JSON_REAL:
		if (!json_is_number(value))
			return bad(f, what, "is no number", err);
		*(double *)ret = json_number_value(value);
		return 0;
	case WB_JSON_SECONDS:
		return read_seconds(value, f, what, ret, err);
	case WB_JSON_TIME:
		return read_time(value, f, what, ret, err);
	case WB_JSON_BOOL:
		if (!json_is_boolean(value))
			return bad(f, what, "is neither true nor false", err);
		*(bool *)ret = json_is_true(value);
		return 0;
	case WB_JSON_ENUM:
		return read_enum(value, f, what, ret, err);
	case WB_JSON_HEX:
		return wb_hex_read(json_string_value(value), f->size, ret)
			       ? 0
			       : bad(f, what, "is not the hexadecimal digits that it has to be",
					 err);
	case WB_JSON_TEXT:
	case WB_JSON_HEXTEXT:
		return read_text(value, f, what, ret, err);
	case WB_JSON_LIST:
	case WB_JSON_INTS:
	case WB_JSON_STRINGS:
		return read_list(value, f, what, ret, err);
	case WB_JSON_ARRAY:
		return read_array(value, f, what, ret, err);
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

/* `value` NULL: the key is absent. */
static int read_row(const json_t *value, const struct wb_json_field *f, const char *what, void *ret,
	struct wb_error *err)
{
	/* The value of an absent key. */
	if (f->kind == WB_JSON_SECONDS)
		*(double *)at(ret, f) = f->or_null ? -1 : 0;
	if (value && !json_is_null(value))
		return read_field(value, f, what, at(ret, f), err);
	return f->needed ? bad(f, what, "is missing", err) : 0;
}

static int read_tuple(const json_t *value, const struct wb_json_field *list, const char *what,
	void *ret, struct wb_error *err)
{
	const struct wb_json_field *f = list->fields;
	size_t i = 0;
	int r = 0;

	for (; r == 0 && f->key; f++)
		r = read_row(json_array_get(value, i++), f, what, ret, err);
	if (r == 0 && json_array_size(value) != i)
		r = bad(list, what, "has an element of another length", err);
	return r;
}

int wb_json_read(const json_t *json, const struct wb_json_field *fields, const char *what,
	void *ret, struct wb_error *err)
{
	int r = 0;

	if (!json_is_object(json))
		return wb_fail(err, -EBADMSG, "%s: an object was expected", what);
	for (const struct wb_json_field *f = fields; r == 0 && f->key; f++)
		r = read_row(json_object_get(json, f->key), f, what, ret, err);
	if (r < 0)
		wb_json_free(fields, ret);
	return r;
}

int wb_json_parse(struct wb_bytes text, const struct wb_json_field *fields, const char *what,
	void *ret, struct wb_error *err)
{
	json_t *json;
	int line = 1, r = wb_json_load(text, &json, &line);

	if (r < 0)
		return r == -ENOMEM ? wb_oom(err)
				    : wb_fail(err, r, "%s, line %d, is no JSON", what, line);
	r = wb_json_read(json, fields, what, ret, err);
	json_decref(json);
	return r;
}

int wb_json_read_file(const struct wb_files *files, const char *path, size_t limit,
	const struct wb_json_field *fields, void *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB blob = {};
	int r = files->read(files->ctx, path, limit, &blob, err);

	return r < 0 ? r : wb_json_parse(wb_blob_view(&blob), fields, path, ret, err);
}

/*
 * JSON is UTF-8, but the name of a file can be any bytes. Bytes that are no UTF-8 are written as
 * {"hex": "2fff"}.
 */
static json_t *write_string(const char *s)
{
	json_t *json = NULL;
	WB_CLEAN_STR hex = NULL;
	int r = wb_json_string(s, strlen(s), &json);

	if (r != -EILSEQ)
		return json;
	hex = malloc(2 * strlen(s) + 1);
	if (!hex)
		return NULL;
	wb_hex_write((const uint8_t *)s, strlen(s), hex);
	return json_pack("{s:s}", "hex", hex);
}

static json_t *write_hex(const void *from, size_t n)
{
	WB_CLEAN_STR hex = malloc(2 * n + 1);

	if (!hex)
		return NULL;
	wb_hex_write(from, n, hex);
	return json_string(hex);
}

static json_t *write_chars(const char *s, size_t size, bool or_null)
{
	WB_CLEAN_STR text = NULL;

	if (!*s && or_null)
		return json_null();
	text = strndup(s, size);
	if (!text)
		return NULL;
	wb_make_plain(text);
	return json_string(text);
}

static json_t *write_seconds(double s, bool or_null)
{
	if (s < 0 && or_null)
		return json_null();
	/* No source has a finer resolution. */
	return json_real(is_time(s) ? round(s * 1e6) / 1e6 : 0);
}

static json_t *write_time(int64_t when)
{
	time_t at_time = when;
	char text[64] = "";
	struct tm tm;

	if (!gmtime_r(&at_time, &tm) || !strftime(text, sizeof(text), TIME_FORMAT, &tm))
		*text = 0;
	return json_string(text);
}

static json_t *write_enum(const struct wb_json_field *f, const void *from, bool *ret_absent)
{
	const char *name = wb_name_of(f->names, (int)load(from, f->size));

	*ret_absent = !name;
	return name ? json_string(name) : NULL;
}

/* Write one of the two keys that bytes may have. */
static json_t *write_text(const struct wb_json_field *f, const any_list *text, bool *ret_absent)
{
	bool as_digits = f->kind == WB_JSON_HEXTEXT;
	json_t *json = NULL;
	int r;

	*ret_absent = !text->items;
	if (*ret_absent)
		return NULL;
	/* JSON can hold a NUL, but many readers would end the string there. */
	r = memchr(text->items, 0, text->n) ? -EILSEQ : wb_json_string(text->items, text->n, &json);
	*ret_absent = as_digits == (r != -EILSEQ);
	if (!*ret_absent)
		return as_digits ? write_hex(text->items, text->n) : json;
	json_decref(json);
	return NULL;
}

static json_t *write_tuple(const struct wb_json_field *list, const void *from)
{
	json_t *array = json_array();

	for (const struct wb_json_field *f = list->fields; f->key; f++) {
		bool absent = false;
		json_t *value = write_field(f, at(from, f), &absent);

		if (json_array_append_new(array, absent ? json_null() : value) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *write_element(const struct wb_json_field *f, const void *p)
{
	if (f->kind == WB_JSON_INTS)
		return json_integer(*(const int64_t *)p);
	if (f->kind == WB_JSON_STRINGS)
		return write_string(*(char *const *)p);
	if (!f->fields)
		return write_chars(p, f->item, true);
	return f->positional ? write_tuple(f, p) : wb_json_write(f->fields, p);
}

static size_t item_size(const struct wb_json_field *f)
{
	if (f->kind == WB_JSON_INTS)
		return sizeof(int64_t);
	return f->kind == WB_JSON_STRINGS ? sizeof(char *) : f->item;
}

static json_t *write_list(const struct wb_json_field *f, const char *items, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(array, write_element(f, items + i * item_size(f))) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static bool is_empty(const struct wb_json_field *f, const void *from)
{
	switch (f->kind) {
	case WB_JSON_INT:
	case WB_JSON_BOOL:
	case WB_JSON_ENUM:
		return !load(from, f->size);
	case WB_JSON_LIST:
	case WB_JSON_INTS:
	case WB_JSON_STRINGS:
		return !((const any_list *)from)->n;
	default:
		return false;
	}
}

/* *ret_absent: the member has nothing to write, which is no failure. */
static json_t *write_field(const struct wb_json_field *f, const void *from, bool *ret_absent)
{
	const any_list *list = from;

	*ret_absent = f->sparse && is_empty(f, from);
	if (*ret_absent)
		return NULL;
	switch (f->kind) {
	case WB_JSON_STRING:
		*ret_absent = !*(char *const *)from;
		return *ret_absent ? NULL : write_string(*(char *const *)from);
	case WB_JSON_CHARS:
		return write_chars(from, f->size, f->or_null);
	case WB_JSON_INT:
		return json_integer(load(from, f->size));
	case WB_JSON_REAL:
		return json_real(*(const double *)from);
	case WB_JSON_SECONDS:
		return write_seconds(*(const double *)from, f->or_null);
	case WB_JSON_TIME:
		return write_time(*(const int64_t *)from);
	case WB_JSON_BOOL:
		return json_boolean(*(const bool *)from);
	case WB_JSON_ENUM:
		return write_enum(f, from, ret_absent);
	case WB_JSON_HEX:
		return write_hex(from, f->size);
	case WB_JSON_TEXT:
	case WB_JSON_HEXTEXT:
		return write_text(f, list, ret_absent);
	case WB_JSON_LIST:
	case WB_JSON_INTS:
	case WB_JSON_STRINGS:
		return write_list(f, list->items, list->n);
	case WB_JSON_ARRAY:
		return write_list(f, from, *count_of(f, from));
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

char *wb_json_text(const struct wb_json_field *fields, const void *from, size_t flags)
{
	json_t *json = wb_json_write(fields, from);
	char *text = json ? wb_json_dump(json, flags) : NULL;

	json_decref(json);
	return text;
}

static void free_all(const struct wb_json_field *f, char *items, size_t n)
{
	for (size_t i = 0; f->fields && i < n; i++)
		wb_json_free(f->fields, items + i * f->item);
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
			free_all(f, list->items, list->n);
			free(list->items);
			*list = (any_list){};
			break;
		case WB_JSON_ARRAY:
			free_all(f, p, *count_of(f, p));
			*count_of(f, p) = 0;
			break;
		case WB_JSON_STRINGS:
			wb_strv_deinit(p);
			break;
		case WB_JSON_TEXT:
		case WB_JSON_HEXTEXT:
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
