// SPDX-License-Identifier: LGPL-2.1-or-later
/* A growing list of strings, and printing into memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/strv.h"
#include "core/sort.h"

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

int wb_strv_add_all(struct wb_strv *v, const char *const *words)
{
	int r = 0;

	for (; r == 0 && *words; words++)
		r = wb_strv_add(v, *words);
	return r;
}

int wb_strv_copy(const struct wb_strv *from, struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = wb_strv_add(ret, from->items[i]);
	return r;
}

char *wb_strf(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

int wb_strv_vaddf(struct wb_strv *v, const char *fmt, va_list ap)
{
	WB_CLEAN_STR text = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return wb_strv_add(v, text);
}

int wb_strv_addf(struct wb_strv *v, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = wb_strv_vaddf(v, fmt, ap);
	va_end(ap);
	return r;
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

int wb_strv_add_once(struct wb_strv *v, const char *s)
{
	return wb_strv_has(v, s) ? 0 : wb_strv_add(v, s);
}

void wb_strv_sort(struct wb_strv *v)
{
	if (v->n)
		wb_sort(v->items, v->n, sizeof(*v->items), compare);
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
