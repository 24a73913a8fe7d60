// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Choosing the entry that $default names (get_entry_number() of normal/menu.c): a number, a title
 * or an id, and ">" between the levels of submenus. Red Hat's since RHEL 8 looks for ids first,
 * then titles, then a number. The others take any text that begins with a digit as a number.
 */
#include <ctype.h>
#include <string.h>

#include "grub/choose.h"

enum { NONE = -1, UNSURE = -2 };

/* Does `name` equal `spec` up to its end or the first single ">"? ">>" stands for ">". */
static bool is_spec(const char *name, const char *spec)
{
	for (; *name; name++, spec++) {
		if (*spec == '>' && *++spec != '>')
			return false;
		if (*name != *spec)
			return false;
	}
	return !*spec || (spec[0] == '>' && spec[1] != '>');
}

enum by { BY_ID = 1, BY_TITLE = 2 };

/* The first item with this name. */
static long find_name(const struct wb_grub_menu *menu, const char *spec, unsigned int by)
{
	for (size_t i = 0; i < menu->n; i++) {
		const struct wb_grub_item *item = &menu->items[i];
		const char *id = item->id ? item->id : item->title;
		bool yes = ((by & BY_ID) && is_spec(id, spec)) ||
			   ((by & BY_TITLE) && is_spec(item->title, spec));
		bool maybe = ((by & BY_ID) && !wb_grub_is_known(id)) ||
			     ((by & BY_TITLE) && !wb_grub_is_known(item->title));

		if (maybe || (yes && item->is_maybe))
			return UNSURE;
		if (yes)
			return (long)i;
	}
	return NONE;
}

static long find_number(const struct wb_grub_menu *menu, unsigned long k)
{
	if (k >= menu->n)
		return NONE;
	for (size_t i = 0; i <= k; i++)
		if (menu->items[i].is_maybe)
			return UNSURE;
	return menu->items[k].is_movable ? UNSURE : (long)k;
}

static long upstream(const struct wb_grub_menu *menu, const char *spec)
{
	unsigned long number;
	const char *end;

	if (wb_grub_number(spec, &number, &end))
		return find_number(menu, number);
	return find_name(menu, spec, BY_ID | BY_TITLE);
}

static long redhat(const struct wb_grub_menu *menu, const char *spec)
{
	unsigned long number;
	const char *end;
	long i;

	if (!*spec)
		return NONE;
	i = find_name(menu, spec, BY_ID);
	/* Nothing may follow the first blank. */
	if (i != NONE)
		return i >= 0 && spec[strcspn(spec, " \t\n")] ? NONE : i;
	i = find_name(menu, spec, BY_TITLE);
	if (i != NONE)
		return i;
	return wb_grub_number(spec, &number, &end) && !*end ? find_number(menu, number) : NONE;
}

static bool has_files(const struct wb_grub_menu *menu)
{
	for (size_t i = 0; i < menu->n; i++)
		if (menu->items[i].file)
			return true;
	return false;
}

/* GRUB takes the first item if none is named. */
static long or_first(const struct wb_grub_menu *menu, long i)
{
	return i == NONE ? find_number(menu, 0) : i;
}

const struct wb_grub_item *wb_grub_choose(
	const struct wb_grub_menu *menu, const char *spec, enum wb_grub_flavour flavour)
{
	long a, b;

	if (!menu->n || !wb_grub_is_known(spec))
		return NULL;
	a = or_first(menu, upstream(menu, spec));
	b = or_first(menu, redhat(menu, spec));
	if (flavour == WB_GRUB_UPSTREAM)
		b = a;
	/* RHEL 7 has no blscfg, and reads $default as upstream does. */
	else if (flavour == WB_GRUB_REDHAT && has_files(menu))
		a = b;
	return a >= 0 && a == b ? &menu->items[a] : NULL;
}

const char *wb_grub_rest_of(const char *spec)
{
	while (*spec && (spec[0] != '>' || spec[1] == '>'))
		spec += *spec == '>' ? 2 : 1;
	return *spec ? spec + 1 : "";
}
