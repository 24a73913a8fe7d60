// SPDX-License-Identifier: LGPL-2.1-or-later
/* Menu entries: defining, adding, comparing and freeing them and what they load. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/item.h"

static bool same_string(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool wb_grub_same_load(const struct wb_grub_load *a, const struct wb_grub_load *b)
{
	return same_string(a->linux_path, b->linux_path) && same_string(a->kernel, b->kernel) &&
	       same_string(a->cmdline, b->cmdline) && same_string(a->why, b->why) &&
	       wb_grub_strv_same(&a->initrds, &b->initrds) && a->is_uki == b->is_uki &&
	       a->opens_menu == b->opens_menu && a->is_over == b->is_over;
}

int wb_grub_load_copy(const struct wb_grub_load *from, struct wb_grub_load *ret)
{
	struct wb_grub_load load = *from;
	int r;

	load.linux_path = from->linux_path ? strdup(from->linux_path) : NULL;
	load.kernel = from->kernel ? strdup(from->kernel) : NULL;
	load.cmdline = from->cmdline ? strdup(from->cmdline) : NULL;
	load.initrds = (struct wb_strv){};
	r = wb_strv_copy(&from->initrds, &load.initrds);
	if (r < 0 || !load.linux_path != !from->linux_path || !load.kernel != !from->kernel ||
		!load.cmdline != !from->cmdline) {
		wb_grub_load_deinit(&load);
		return -ENOMEM;
	}
	*ret = load;
	return 0;
}

void wb_grub_load_deinit(struct wb_grub_load *load)
{
	free(load->linux_path);
	free(load->kernel);
	free(load->cmdline);
	wb_strv_deinit(&load->initrds);
	*load = (struct wb_grub_load){};
}

void wb_grub_load_clear(struct wb_grub *g)
{
	bool unsure;

	if (!g->load)
		return;
	unsure = g->load->is_unsure || wb_grub_in_doubt(g);
	wb_grub_load_deinit(g->load);
	g->load->is_unsure = unsure;
}

int wb_grub_add(struct wb_grub *g, struct wb_grub_item *item)
{
	struct wb_grub_item *items;

	if (!g->menu)
		return 0;
	if (++g->items > WB_GRUB_MAX_ITEMS) {
		g->stopped = "it has too many menu entries";
		return 0;
	}
	items = realloc(g->menu->items, (g->menu->n + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	g->menu->items = items;
	item->is_maybe |= wb_grub_in_doubt(g);
	items[g->menu->n++] = *item;
	*item = (struct wb_grub_item){};
	return 0;
}

/*
 * Set title, id and parameters from the arguments of menuentry or submenu (commands/menuentry.c).
 */
static int name_item(const struct wb_strv *args, struct wb_grub_item *item)
{
	static const char *const with_value[] = {
		"--class", "--users", "--hotkey", "--source", "--id"};

	for (size_t i = 1; i < args->n; i++) {
		const char *a = args->items[i];
		bool is_id = strcmp(a, "--id") == 0;

		if (strncmp(a, "--", 2) != 0) {
			if (wb_strv_add(&item->args, a) < 0)
				return -ENOMEM;
			continue;
		}
		if (strncmp(a, "--id=", 5) == 0 || (is_id && i + 1 < args->n)) {
			free(item->id);
			item->id = strdup(is_id ? args->items[i + 1] : a + 5);
			if (!item->id)
				return -ENOMEM;
		}
		for (size_t k = 0; k < sizeof(with_value) / sizeof(*with_value); k++)
			if (strcmp(a, with_value[k]) == 0) {
				i++;
				break;
			}
	}
	item->title = strdup(item->args.n ? item->args.items[0] : "");
	return item->title ? 0 : -ENOMEM;
}

int wb_grub_define(struct wb_grub *g, const struct wb_strv *args, struct wb_grub_text body)
{
	struct wb_grub_item item = {.body = body};
	int r;

	item.is_submenu = strcmp(args->items[0], "submenu") == 0;
	r = name_item(args, &item);
	/* An unknown word may have been an option with an id. */
	for (size_t i = 1; i < args->n && r == 0; i++) {
		if (wb_grub_is_formed(args->items[i]) || item.id)
			continue;
		item.id = strdup(WB_GRUB_UNKNOWN_TEXT);
		r = item.id ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = wb_grub_add(g, &item);
	wb_grub_item_deinit(&item);
	g->status = 0;
	return r;
}

bool wb_grub_same_item(const struct wb_grub_item *a, const struct wb_grub_item *b)
{
	return same_string(a->title, b->title) && same_string(a->id, b->id) &&
	       same_string(a->file, b->file) && wb_grub_strv_same(&a->args, &b->args) &&
	       a->body.p == b->body.p && a->body.end == b->body.end &&
	       a->is_submenu == b->is_submenu;
}

void wb_grub_item_deinit(struct wb_grub_item *item)
{
	free(item->title);
	free(item->id);
	free(item->file);
	wb_strv_deinit(&item->args);
	wb_grub_load_deinit(&item->load);
	wb_grub_menu_deinit(&item->sub);
	*item = (struct wb_grub_item){};
}

void wb_grub_menu_deinit(struct wb_grub_menu *menu)
{
	for (size_t i = 0; i < menu->n; i++)
		wb_grub_item_deinit(&menu->items[i]);
	free(menu->items);
	*menu = (struct wb_grub_menu){};
}
