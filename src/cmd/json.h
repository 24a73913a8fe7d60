/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON values and output that several commands share. */
#pragma once

#include <jansson.h>
#include <stdio.h>

/* null for NULL, for an empty string, and for one that is not UTF-8. */
static inline json_t *cmd_json_or_null(const char *s)
{
	json_t *j = s && *s ? json_string(s) : NULL;

	return j ? j : json_null();
}

/* Print and free `json`. */
static inline void cmd_print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}
