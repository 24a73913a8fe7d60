// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running the bodies of all items of a menu, each as GRUB would if a user chose it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grub/choose.h"
#include "grub/menu.h"
#include "grubscript/script.h"

/* Reset the state before a body runs. */
static void reset(struct wb_grub *g)
{
	g->over = g->returning = g->is_continue = false;
	g->doubt_return = g->doubt_break = false;
	g->doubt = g->forks = g->loops = g->breaks = g->in_functions = 0;
	g->status = 0;
	g->stopped = NULL;
}

/* Beyond the limit nothing is copied and nothing runs. */
static int copy_env(struct wb_grub *g, bool exported, struct wb_grub_env *ret)
{
	g->expanded += wb_grub_env_size(&g->env);
	return g->expanded > WB_GRUB_MAX_EXPANDED ? 0 : wb_grub_env_copy(&g->env, exported, ret);
}

/*
 * Run the body of an entry. It sees the configuration's variables, and its own are discarded
 * afterwards.
 */
static int run_entry(struct wb_grub *g, struct wb_grub_item *item)
{
	struct wb_grub_menu *menu = g->menu;
	struct wb_grub_env outer = g->env, env = {};
	WB_CLEAN_STRV args = {};
	int r = copy_env(g, false, &env);

	if (r == 0)
		r = wb_strv_copy(&item->args, &args);
	if (r == 0) {
		reset(g);
		g->env = env;
		g->menu = NULL;
		g->load = &item->load;
		g->args = &args;
		if (g->expanded <= WB_GRUB_MAX_EXPANDED)
			r = wb_grub_run(g, item->body);
		else
			g->stopped = "its menu is too large";
		item->load.is_unsure |= g->stopped != NULL;
		env = g->env;
		g->env = outer;
		g->menu = menu;
		g->load = NULL;
		g->args = NULL;
	}
	wb_grub_env_deinit(&env);
	return r;
}

static int run_menu(struct wb_grub *g, struct wb_grub_menu *menu, const char *spec, bool on_path,
	unsigned int depth, const struct wb_grub_item **ret_chosen);

/* Run a submenu. It has variables of its own: the exported ones, and the rest of $default. */
static int run_submenu(struct wb_grub *g, struct wb_grub_item *item, const char *rest, bool on_path,
	unsigned int depth, const struct wb_grub_item **ret_chosen)
{
	struct wb_grub_menu *menu = g->menu;
	struct wb_grub_env outer = g->env, env = {};
	WB_CLEAN_STRV args = {};
	int r = copy_env(g, true, &env);

	if (r == 0)
		r = wb_strv_copy(&item->args, &args);
	if (r == 0 && *rest)
		r = wb_grub_env_set(&env, "default", rest);
	if (r == 0) {
		reset(g);
		g->env = env;
		g->menu = &item->sub;
		g->args = &args;
		g->in_submenu = true;
		if (g->expanded <= WB_GRUB_MAX_EXPANDED)
			r = wb_grub_run(g, item->body);
		else
			g->stopped = "its menu is too large";
		g->in_submenu = false;
		if (r == 0 && g->stopped)
			r = wb_strv_addf(g->warnings, "%s: '%s' was read only in part: %s",
				g->config, item->title, g->stopped);
		if (r == 0 && g->stopped)
			r = wb_grub_unsure(g, "a submenu was read only in part");
		g->args = NULL;
		if (r == 0)
			r = run_menu(g, &item->sub, wb_grub_get(g, "default"), on_path, depth + 1,
				ret_chosen);
		env = g->env;
		g->env = outer;
		g->menu = menu;
	}
	wb_grub_env_deinit(&env);
	return r;
}

/* Run all bodies. *ret_chosen: the item that GRUB would start, if it is known. */
static int run_menu(struct wb_grub *g, struct wb_grub_menu *menu, const char *spec, bool on_path,
	unsigned int depth, const struct wb_grub_item **ret_chosen)
{
	WB_CLEAN_STR wish = strdup(spec);
	const struct wb_grub_item *chosen;
	int r = 0;

	if (!wish)
		return -ENOMEM;
	if (depth > 16)
		return wb_grub_unsure(g, "its submenus nest too deeply");
	chosen = on_path ? wb_grub_choose(menu, wish, g->flavour) : NULL;
	if (on_path && !chosen && menu->n)
		r = wb_grub_unsure(
			g, wb_grub_is_known(wish)
				   ? "only GRUB can know which entry its default is"
				   : "its default depends on a value that only GRUB can know");
	for (size_t i = 0; i < menu->n && r == 0; i++) {
		struct wb_grub_item *item = &menu->items[i];
		bool here = item == chosen;

		if (item->is_submenu)
			r = run_submenu(g, item, here ? wb_grub_rest_of(wish) : "", here, depth,
				ret_chosen);
		else
			r = run_entry(g, item);
		if (here && !item->is_submenu)
			*ret_chosen = item;
	}
	return r;
}

int wb_grub_run_menu(
	struct wb_grub *g, struct wb_grub_menu *menu, const struct wb_grub_item **ret_chosen)
{
	reset(g);
	g->max_steps = g->steps + WB_GRUB_MAX_BODY_STEPS;
	return run_menu(g, menu, wb_grub_get(g, "default"), true, 0, ret_chosen);
}
