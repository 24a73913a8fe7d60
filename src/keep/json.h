/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Structs to JSON and back by a table: reading, writing and freeing derive from the same rows, so
 * that what is written is what can be read, and every value read was checked.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"

enum wb_json_kind {
	WB_JSON_END = 0,
	WB_JSON_STRING, /* char *, owned; NULL absent; any bytes */
	WB_JSON_INT,    /* int64_t */
	WB_JSON_REAL,   /* double */
	WB_JSON_BOOL,   /* bool */
	WB_JSON_LIST,   /* WB_LIST(T) of objects; `fields` describes T */
	WB_JSON_INTS,   /* WB_LIST(int64_t) */
	WB_JSON_STRUCT, /* a struct inside; `fields` describes it */
	WB_JSON_VALUE,  /* json_t *, owned: another module's object, kept as it is */
};

struct wb_json_field {
	const char *key;
	enum wb_json_kind kind;
	size_t offset;
	bool needed;
	/* WB_JSON_INT and _INTS: the limits of a value, both 0: none. Lists: `max` is of their length. */
	int64_t min, max;
	bool (*valid)(const char *s); /* WB_JSON_STRING; NULL: any */
	const struct wb_json_field *fields;
	size_t item; /* WB_JSON_LIST: sizeof(T) */
};

#define WB_LIST(T)        \
	struct {          \
		T *items; \
		size_t n; \
	}

/*
 * Fill *ret, which must be zeroed, from an object. -EBADMSG with a sentence that begins with `what`
 * and names the key; -ENOMEM. *ret is empty again on failure. Unknown keys are skipped.
 */
int wb_json_read(const json_t *json, const struct wb_json_field *fields, const char *what,
	void *ret, struct wb_error *err);
/* The same from text. */
int wb_json_parse(struct wb_bytes text, const struct wb_json_field *fields, const char *what,
	void *ret, struct wb_error *err);
/* A new object; absent strings and values are left out. NULL: out of memory. */
json_t *wb_json_write(const struct wb_json_field *fields, const void *from);
/* Its text, to be freed with free(); NULL as above. */
char *wb_json_text(const struct wb_json_field *fields, const void *from);
void wb_json_free(const struct wb_json_field *fields, void *from);
/*
 * Grow a list by one zeroed element of `item` bytes and return it; NULL: out of memory. `list` is
 * the address of a WB_LIST().
 */
void *wb_list_add(void *list, size_t item);
