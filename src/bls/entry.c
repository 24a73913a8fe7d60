// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of boot entries: adding, comparing and freeing them, and noting what they lack. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/entry.h"

struct wb_entry *wb_entries_add(struct wb_entries *all)
{
	struct wb_entry *items = realloc(all->items, (all->n + 1) * sizeof(*items));

	if (!items)
		return NULL;
	all->items = items;
	items[all->n] = (struct wb_entry){};
	return &items[all->n++];
}

bool wb_entries_has(const struct wb_entries *all, const char *id)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i].id, id) == 0)
			return true;
	return false;
}

int wb_entries_warn(struct wb_entries *all, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = wb_strv_vaddf(&all->warnings, fmt, ap);
	va_end(ap);
	return r;
}

static bool same_string(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool wb_entry_boots_the_same(const struct wb_entry *a, const struct wb_entry *b)
{
	if (strcmp(a->kernel, b->kernel) != 0 || !same_string(a->cmdline, b->cmdline) ||
		a->initrds.n != b->initrds.n)
		return false;
	for (size_t i = 0; i < a->initrds.n; i++)
		if (strcmp(a->initrds.items[i], b->initrds.items[i]) != 0)
			return false;
	return true;
}

static int say(char **at, const char *fmt, va_list ap)
{
	char *s;

	if (*at)
		return 0;
	if (vasprintf(&s, fmt, ap) < 0)
		return -ENOMEM;
	*at = s;
	return 0;
}

int wb_entry_cannot(struct wb_entry *e, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = say(&e->cannot, fmt, ap);
	va_end(ap);
	return r;
}

int wb_entry_lacks(struct wb_entry *e, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = say(&e->lacks, fmt, ap);
	va_end(ap);
	return r;
}

void wb_entry_deinit(struct wb_entry *e)
{
	if (!e)
		return;
	free(e->id);
	free(e->title);
	free(e->source);
	free(e->kernel);
	wb_strv_deinit(&e->initrds);
	free(e->cmdline);
	free(e->release);
	free(e->version);
	free(e->sort_key);
	free(e->machine_id);
	free(e->once);
	wb_strv_deinit(&e->addons);
	free(e->kernel_sha256);
	free(e->initrd_sha256);
	free(e->lacks);
	free(e->menu_ids[0]);
	free(e->menu_ids[1]);
	free(e->cannot);
	*e = (struct wb_entry){};
}

void wb_entries_deinit(struct wb_entries *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->n; i++)
		wb_entry_deinit(&all->items[i]);
	free(all->items);
	wb_strv_deinit(&all->warnings);
	*all = (struct wb_entries){};
}
