// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/strv.h"

int wb_strv_add(struct wb_strv *v, const char *s)
{
	char **items = realloc(v->items, (v->n + 2) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	v->items = items;
	items[v->n] = strdup(s);
	if (!items[v->n])
		return -ENOMEM;
	items[++v->n] = NULL;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool wb_strv_has(const struct wb_strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->items[i], s))
			return true;
	return false;
}

void wb_strv_sort(struct wb_strv *v)
{
	if (v->n)
		qsort(v->items, v->n, sizeof(*v->items), compare);
}

void wb_strv_deinit(struct wb_strv *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++)
		free(v->items[i]);
	free(v->items);
	*v = (struct wb_strv){};
}

void wb_freep(void *p)
{
	free(*(void **)p);
}
