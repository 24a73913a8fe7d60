// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Running both branches of a condition that only GRUB can answer, one after the other from the same
 * state. Values that are equal after both are known; the rest is unknown from there on.
 */
#include <errno.h>
#include <string.h>

#include "grubscript/fork.h"

/* Copies cost memory and time, so they count like expanded variables. */
static bool charge(struct wb_grub *g)
{
	g->expanded += wb_grub_env_size(&g->env);
	if (g->expanded > WB_GRUB_MAX_EXPANDED)
		g->stopped = "it has too many conditions that only GRUB can answer";
	return !g->stopped;
}

int wb_grub_fork(struct wb_grub *g, struct wb_grub_fork *f)
{
	int r;

	*f = (struct wb_grub_fork){.status = g->status,
		.breaks = g->breaks,
		.is_continue = g->is_continue,
		.returning = g->returning,
		.over = g->over};
	f->n_first = g->menu ? g->menu->n : 0;
	g->forks++;
	if (!charge(g))
		return 0;
	r = wb_grub_env_copy(&g->env, false, &f->env);
	if (r == 0 && g->load)
		r = wb_grub_load_copy(g->load, &f->load);
	if (r == 0 && g->args)
		r = wb_strv_copy(g->args, &f->args);
	return r;
}

/* Exchange the state with the saved one. */
static void swap(struct wb_grub *g, struct wb_grub_fork *f)
{
	struct wb_grub_fork now = {.env = g->env,
		.status = g->status,
		.breaks = g->breaks,
		.is_continue = g->is_continue,
		.returning = g->returning,
		.over = g->over};

	g->env = f->env;
	f->env = now.env;
	if (g->load) {
		now.load = *g->load;
		*g->load = f->load;
		f->load = now.load;
	}
	if (g->args) {
		now.args = *g->args;
		*g->args = f->args;
		f->args = now.args;
	}
	g->status = f->status;
	g->breaks = f->breaks;
	g->is_continue = f->is_continue;
	g->returning = f->returning;
	g->over = f->over;
	f->status = now.status;
	f->breaks = now.breaks;
	f->is_continue = now.is_continue;
	f->returning = now.returning;
	f->over = now.over;
}

int wb_grub_fork_second(struct wb_grub *g, struct wb_grub_fork *f)
{
	swap(g, f);
	f->n_second = g->menu ? g->menu->n : 0;
	return 0;
}

/* Join the entries that the branches defined: [n_first, n_second) and [n_second, n). */
static void join_items(struct wb_grub *g, const struct wb_grub_fork *f)
{
	struct wb_grub_menu *menu = g->menu;
	size_t n_a, n_b;
	bool same, moved;

	if (!menu || menu->n == f->n_first)
		return;
	n_a = f->n_second - f->n_first;
	n_b = menu->n - f->n_second;
	same = n_a == n_b;
	moved = same;
	for (size_t i = 0; i < n_a && n_a == n_b; i++) {
		const struct wb_grub_item *a = &menu->items[f->n_first + i];
		bool found = false;

		same &= wb_grub_same_item(a, &menu->items[f->n_second + i]);
		for (size_t k = 0; k < n_b && !found; k++)
			found = wb_grub_same_item(a, &menu->items[f->n_second + k]);
		moved &= found;
	}
	if (moved) {
		while (menu->n > f->n_second)
			wb_grub_item_deinit(&menu->items[--menu->n]);
		for (size_t i = f->n_first; i < menu->n && !same; i++)
			menu->items[i].is_movable = true;
		return;
	}
	for (size_t i = f->n_first; i < menu->n; i++)
		menu->items[i].is_maybe = true;
}

int wb_grub_fork_join(struct wb_grub *g, struct wb_grub_fork *f)
{
	int r = wb_grub_env_join(&g->env, &f->env);

	g->forks--;
	if (r < 0)
		return r;
	if (g->load && !wb_grub_same_load(g->load, &f->load))
		g->load->is_unsure = true;
	if (g->load)
		g->load->is_unsure |= f->load.is_unsure;
	if (g->args && !wb_grub_strv_same(g->args, &f->args)) {
		wb_strv_deinit(g->args);
		r = wb_strv_add(g->args, WB_GRUB_UNKNOWN_TEXT);
	}
	if (g->status != f->status)
		g->status = -1;
	/* If only one branch goes on, go on in doubt. */
	if (g->returning != f->returning) {
		g->returning = false;
		g->doubt_return = true;
	}
	if (g->breaks != f->breaks || g->is_continue != f->is_continue) {
		g->breaks = 0;
		g->doubt_break = true;
	}
	if (g->over != f->over) {
		g->over = false;
		g->doubt++; /* for the rest of the script */
	}
	join_items(g, f);
	return r;
}

void wb_grub_fork_deinit(struct wb_grub_fork *f)
{
	wb_grub_env_deinit(&f->env);
	wb_grub_load_deinit(&f->load);
	wb_strv_deinit(&f->args);
}
