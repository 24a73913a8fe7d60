/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Converting structs to JSON and back by a table. Reading, writing and freeing use the same rows,
 * so all that is written can be read, and every value that is read is checked.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"
#include "core/files.h"
#include "core/list.h"
#include "core/names.h"

enum wb_json_kind {
	WB_JSON_END = 0,
	WB_JSON_STRING,  /* char *, owned; NULL: absent; any bytes */
	WB_JSON_CHARS,   /* char [N]; a longer text is cut off, and made plain (wb_make_plain()) */
	WB_JSON_INT,     /* int64_t, uint64_t or int */
	WB_JSON_REAL,    /* double */
	WB_JSON_SECONDS, /* double, to microseconds; 1e9 and more count as 0 */
	WB_JSON_TIME, /* int64_t, seconds since 1970, as RFC 3339 in UTC; any other text is read as 0 */
	WB_JSON_BOOL, /* bool */
	WB_JSON_ENUM, /* an enum or a bool, as its name in `names`; without a name it is left out */
	WB_JSON_HEX,  /* uint8_t [N], as 2 * N digits */
	WB_JSON_TEXT, /* uint8_t * and size_t, owned: a string, if the bytes are one; NULL: absent */
	WB_JSON_HEXTEXT, /* the same member under another key, as digits, if the bytes are no string */
	WB_JSON_LIST,    /* WB_LIST(T) of objects; `fields` describes T */
	WB_JSON_ARRAY,   /* T [N], of which `count` are used; a longer list is cut off */
	WB_JSON_INTS,    /* WB_LIST(int64_t) */
	WB_JSON_STRINGS, /* struct wb_strv */
	WB_JSON_STRUCT,  /* a struct inside; `fields` describes it */
	WB_JSON_VALUE,   /* json_t *, owned: another module's object, kept as it is */
};

/* A row describes one member of a struct; a table ends in {}. A column that is left out is 0. */
struct wb_json_field {
	const char *key; /* in the object */
	enum wb_json_kind kind;
	size_t offset; /* of the member */
	size_t size;   /* of the member; 0: the first type that the comment on its kind names */
	bool needed; /* reading fails if the key is absent or null; otherwise the member stays 0 */
	bool sparse; /* writing leaves out false, 0 and an empty list */
	/*
	 * CHARS and SECONDS: writing turns "" and seconds below 0 into null, and reading turns null
	 * and an absent key into them.
	 */
	bool or_null;
	bool positional; /* LIST: an element is an array of its values, in the order of `fields` */
	/*
	 * INT, INTS and ENUM: the limits of a value; both 0: none. STRINGS, LIST and ARRAY: `max` is
	 * the largest length; 0: 65536.
	 */
	int64_t min, max;
	bool (*valid)(const char *s); /* STRING, CHARS, STRINGS: may it be read? NULL: any may */
	const struct wb_name *names;  /* ENUM: a name for each value */
	int other;                    /* ENUM: value for an unknown name; 0: reading fails */
	/* LIST, ARRAY, STRUCT: the table of T; NULL: an ARRAY of char [N], each as CHARS with or_null */
	const struct wb_json_field *fields;
	size_t item;  /* LIST, ARRAY: sizeof(T) */
	size_t count; /* ARRAY: offset of the size_t that says how many of T are used */
};

/* The row of a member with a key of another name, or of its own. More columns may follow. */
#define WB_JSON_ROW_AS(key_, type, member, kind_, ...)                            \
	{                                                                         \
		.key = (key_), .kind = (kind_), .offset = offsetof(type, member), \
		.size = sizeof(((type *)NULL)->member), ##__VA_ARGS__             \
	}
#define WB_JSON_ROW(type, member, kind, ...) \
	WB_JSON_ROW_AS(#member, type, member, kind, ##__VA_ARGS__)
/* The row of a WB_LIST() of at most `most` structs, of which `rows` describes each. */
#define WB_JSON_ROWS(type, member, rows, most, ...)               \
	WB_JSON_ROW(type, member, WB_JSON_LIST, .fields = (rows), \
		.item = sizeof(*((type *)NULL)->member.items), .max = (most), ##__VA_ARGS__)
/* The same under another key than the member's name. */
#define WB_JSON_ROWS_AS(key, type, member, rows, most, ...)               \
	WB_JSON_ROW_AS(key, type, member, WB_JSON_LIST, .fields = (rows), \
		.item = sizeof(*((type *)NULL)->member.items), .max = (most), ##__VA_ARGS__)
/* The offset of a pointer, after a check that its number of elements follows it. */
#define WB_JSON_PAIR_AT(type, items, n)                                                     \
	(offsetof(type, items) +                                                            \
		0 * sizeof(char[offsetof(type, n) == offsetof(type, items) + sizeof(void *) \
					? 1                                                 \
					: -1]))
/* The same for a list that consists of two members, pointer and number. */
#define WB_JSON_PAIR(key_, type, items, n, rows, most, ...)                                     \
	{                                                                                       \
		.key = (key_), .kind = WB_JSON_LIST, .offset = WB_JSON_PAIR_AT(type, items, n), \
		.fields = (rows), .item = sizeof(*((type *)NULL)->items), .max = (most),        \
		##__VA_ARGS__                                                                   \
	}
/* Both rows of bytes: one key for a string, another for digits. */
#define WB_JSON_BYTES(text_key, hex_key, type, bytes, n)                                      \
	{.key = (text_key), .kind = WB_JSON_TEXT, .offset = WB_JSON_PAIR_AT(type, bytes, n)}, \
	{                                                                                     \
		.key = (hex_key), .kind = WB_JSON_HEXTEXT,                                    \
		.offset = WB_JSON_PAIR_AT(type, bytes, n)                                     \
	}
/* The row of an array of which `n` are used. rows NULL: they are char [N]. */
#define WB_JSON_ARRAY_OF(type, member, n, rows, ...)                                     \
	WB_JSON_ROW(type, member, WB_JSON_ARRAY, .fields = (rows),                       \
		.item = sizeof(*((type *)NULL)->member),                                 \
		.max = sizeof(((type *)NULL)->member) / sizeof(*((type *)NULL)->member), \
		.count = offsetof(type, n), ##__VA_ARGS__)

/*
 * Fill *ret, which must be zeroed, from an object. -EBADMSG with a sentence that begins with `what`
 * and names the key; -ENOMEM. *ret is empty again on failure. Unknown keys are skipped.
 */
int wb_json_read(const json_t *json, const struct wb_json_field *fields, const char *what,
	void *ret, struct wb_error *err);
/* The same from text. */
int wb_json_parse(struct wb_bytes text, const struct wb_json_field *fields, const char *what,
	void *ret, struct wb_error *err);
/*
 * The same from a file of at most `limit` bytes. The sentence begins with its path. Errors of
 * read(), too.
 */
int wb_json_read_file(const struct wb_files *files, const char *path, size_t limit,
	const struct wb_json_field *fields, void *ret, struct wb_error *err);
/* A new object; absent strings, texts and values are left out. NULL: out of memory. */
json_t *wb_json_write(const struct wb_json_field *fields, const void *from);
/* Its text by jansson's `flags`, to be freed with free(); NULL as above. */
char *wb_json_text(const struct wb_json_field *fields, const void *from, size_t flags);
/* Free all that the struct owns and clear it; numbers stay. */
void wb_json_free(const struct wb_json_field *fields, void *from);
