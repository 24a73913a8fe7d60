// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of values, looked up both ways. */
#include <stddef.h>
#include <string.h>

#include "core/names.h"

const char *wb_name_of(const struct wb_name *names, int value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

bool wb_name_read(const struct wb_name *names, const char *name, int *ret)
{
	for (; names->name; names++)
		if (!strcmp(names->name, name)) {
			*ret = names->value;
			return true;
		}
	return false;
}
