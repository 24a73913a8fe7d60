// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading and writing JSON with jansson, with out of memory told apart from other failures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

static json_t *load(struct wb_bytes text, json_error_t *where)
{
	return json_loadb((const char *)text.data, text.size, 0, where);
}

int wb_json_load(struct wb_bytes text, json_t **ret, int *ret_line)
{
	json_error_t where;
	json_t *json = load(text, &where);

	/*
	 * jansson's scanner calls it an invalid token if memory ran out. Ask again to tell the two
	 * apart.
	 */
	if (!json && *where.text)
		json = load(text, &where);
	if (!json) {
		/* jansson has a message for a damaged text, and none for out of memory. */
		if (!*where.text)
			return -ENOMEM;
		if (ret_line)
			*ret_line = where.line;
		return -EBADMSG;
	}
	*ret = json;
	return 0;
}

char *wb_json_dump(const json_t *json, size_t flags)
{
	size_t n = json_dumpb(json, NULL, 0, flags);
	char *text = n ? malloc(n + 1) : NULL;

	if (!text)
		return NULL;
	if (json_dumpb(json, text, n, flags) != n) {
		free(text);
		return NULL;
	}
	text[n] = 0;
	return text;
}

/*
 * Number of bytes that follow this first byte of a character; -1: it is no first byte (RFC 3629,
 * 4).
 */
static int follow(unsigned char first)
{
	if (first < 0x80)
		return 0;
	if (first >= 0xc2 && first < 0xe0)
		return 1;
	if (first >= 0xe0 && first < 0xf0)
		return 2;
	return first >= 0xf0 && first < 0xf5 ? 3 : -1;
}

static bool is_utf8(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n;

	while (p < end) {
		int more = follow(*p);

		if (more < 0 || end - p <= more)
			return false;
		/* A form that is too long, a surrogate, or a number above the last character. */
		if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
			(*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
			return false;
		for (p++; more > 0; more--, p++)
			if ((*p & 0xc0) != 0x80)
				return false;
	}
	return true;
}

int wb_json_string(const char *s, size_t n, json_t **ret)
{
	json_t *json;

	if (!is_utf8(s, n))
		return -EILSEQ;
	json = json_stringn_nocheck(s, n);
	if (!json)
		return -ENOMEM;
	*ret = json;
	return 0;
}

int wb_json_set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

int wb_json_put(json_t *object, const char *key, const char *value)
{
	json_t *json;
	int r = value ? wb_json_string(value, strlen(value), &json) : -EILSEQ;

	return r == 0 ? wb_json_set(object, key, json) : r == -EILSEQ ? 0 : r;
}

int wb_json_append(json_t *array, json_t *value)
{
	return json_array_append_new(array, value) < 0 ? -ENOMEM : 0;
}
