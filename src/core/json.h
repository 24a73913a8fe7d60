/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jansson with two distinctions that it does not make: between a damaged text and out of memory,
 * and between a value that is left out and one for which there was no memory.
 */
#pragma once

#include <jansson.h>

#include "core/bytes.h"

/*
 * -EBADMSG: it is no JSON; *ret_line, if not NULL, is the line of the error. -ENOMEM. *ret is to be
 * released with json_decref().
 */
int wb_json_load(struct wb_bytes text, json_t **ret, int *ret_line);
/*
 * The text, to be freed. NULL: out of memory. json_dumps(3) leaves out keys for which its buffer
 * cannot grow.
 */
char *wb_json_dump(const json_t *json, size_t flags);
/* A string of n bytes. -EILSEQ: it is no UTF-8, as JSON must be; -ENOMEM. */
int wb_json_string(const char *s, size_t n, json_t **ret);
/* Take `value` over. If it is NULL, there was no memory for it: -ENOMEM. */
int wb_json_set(json_t *object, const char *key, json_t *value);
/* The same for a string. NULL, or a text that is no UTF-8 (as a path may be), is left out. */
int wb_json_put(json_t *object, const char *key, const char *value);
int wb_json_append(json_t *array, json_t *value);
