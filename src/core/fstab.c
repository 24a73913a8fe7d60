// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parsing fstab(5). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/fstab.h"
#include "core/text.h"

void wb_fstab_deinit(struct wb_fstab *fstab)
{
	if (!fstab)
		return;
	for (size_t i = 0; i < fstab->n; i++) {
		free(fstab->items[i].what);
		free(fstab->items[i].where);
		free(fstab->items[i].type);
		free(fstab->items[i].options);
	}
	free(fstab->items);
	*fstab = (struct wb_fstab){};
}

static int add_line(struct wb_span line, struct wb_fstab *all)
{
	struct wb_span f[4] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
	struct wb_fstab_line *items, *l;

	for (size_t i = 0; i < 4 && wb_take_word(&line, &f[i]); i++)
		;
	if (!f[1].n || *f[0].s == '#')
		return 0;
	items = reallocarray(all->items, all->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	all->items = items;
	l = &items[all->n++];
	*l = (struct wb_fstab_line){
		.what = wb_unescape_octal(f[0].s, f[0].n),
		.where = wb_unescape_octal(f[1].s, f[1].n),
		.type = wb_unescape_octal(f[2].s, f[2].n),
		.options = wb_span_copy(f[3]),
	};
	return l->what && l->where && l->type && l->options ? 0 : -ENOMEM;
}

int wb_fstab_parse(const char *text, struct wb_fstab *ret)
{
	WB_CLEAN_FSTAB all = {};
	struct wb_span line;
	int r = 0;

	while (r == 0 && wb_take_line(&text, &line))
		r = add_line(line, &all);
	if (r < 0)
		return r;
	*ret = all;
	all = (struct wb_fstab){};
	return 0;
}

bool wb_fstab_has_option(const struct wb_fstab_line *line, const char *name)
{
	size_t length = strlen(name);

	for (const char *o = line->options; *o;) {
		size_t n = strcspn(o, ",");

		if (n >= length && !strncmp(o, name, length) && (n == length || o[length] == '='))
			return true;
		o += n + (o[n] == ',');
	}
	return false;
}
