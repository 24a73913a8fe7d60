// SPDX-License-Identifier: LGPL-2.1-or-later
/* Adding an element to a list of any type. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "core/list.h"

void *wb_list_add(void *list, size_t item)
{
	WB_LIST(char) *l = list;
	char *p = l->items;

	/* The room doubles, so it is full whenever the count is a power of two. */
	if ((l->n & (l->n - 1)) == 0) {
		p = reallocarray(l->items, l->n ? l->n * 2 : 1, item);
		if (!p)
			return NULL;
		l->items = p;
	}
	memset(p + l->n * item, 0, item);
	return p + l->n++ * item;
}
