/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of an enum's values: one table for reading, writing and showing them. */
#pragma once

#include <stdbool.h>

/* A row; a table ends in {}. A value may have several names: all are read, the first is written. */
struct wb_name {
	const char *name;
	int value;
};

/* NULL: the value has no name. */
const char *wb_name_of(const struct wb_name *names, int value);
/* false: no value has this name; *ret is untouched then. */
bool wb_name_read(const struct wb_name *names, const char *name, int *ret);
