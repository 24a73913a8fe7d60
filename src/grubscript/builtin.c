// SPDX-License-Identifier: LGPL-2.1-or-later
/* The commands of the language itself: variables, arguments, loops and functions. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/builtin.h"
#include "grubscript/item.h"
#include "grubscript/script.h"
#include "grubscript/test.h"

static int cmd_set(struct wb_grub *g, const struct wb_strv *args)
{
	const char *equals = args->n > 1 ? strchr(args->items[1], '=') : NULL;
	WB_CLEAN_STR name = NULL;

	if (!equals) {
		g->status = args->n > 1 ? WB_GRUB_ERROR : 0;
		if (args->n > 1 && !wb_grub_is_known(args->items[1]))
			wb_grub_forget(g);
		return 0;
	}
	name = strndup(args->items[1], (size_t)(equals - args->items[1]));
	return name ? wb_grub_set(g, name, equals + 1) : -ENOMEM;
}

static int cmd_unset(struct wb_grub *g, const struct wb_strv *args)
{
	return args->n > 1 ? wb_grub_set(g, args->items[1], "") : 0;
}

static int cmd_export(struct wb_grub *g, const struct wb_strv *args)
{
	int r = 0;

	for (size_t i = 1; i < args->n && r == 0; i++)
		if (wb_grub_is_name(args->items[i]) && g->env.n < WB_GRUB_MAX_VARIABLES)
			r = wb_grub_env_export(&g->env, args->items[i]);
	return r;
}

static int cmd_true(struct wb_grub *g, const struct wb_strv *args)
{
	return 0;
}

static int cmd_false(struct wb_grub *g, const struct wb_strv *args)
{
	g->status = 1;
	return 0;
}

/* Red Hat's commands/increment.c. */
static int step(struct wb_grub *g, const struct wb_strv *args, int by)
{
	const char *old = args->n == 2 ? wb_grub_get(g, args->items[1]) : "", *end;
	bool minus = *old == '-';
	unsigned long value;
	char text[32];

	if (args->n == 2 && !wb_grub_is_known(old)) {
		g->status = -1;
		return wb_grub_set(g, args->items[1], WB_GRUB_UNKNOWN_TEXT);
	}
	if (!wb_grub_number(old + minus, &value, &end)) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	snprintf(text, sizeof(text), "%ld", (long)(minus ? -value : value) + by);
	return wb_grub_set(g, args->items[1], text);
}

static int cmd_increment(struct wb_grub *g, const struct wb_strv *args)
{
	return step(g, args, 1);
}

static int cmd_decrement(struct wb_grub *g, const struct wb_strv *args)
{
	return step(g, args, -1);
}

/* Read the count of break, continue and shift. false: GRUB refuses it. */
static bool count(struct wb_grub *g, const struct wb_strv *args, unsigned long *ret)
{
	const char *end;

	*ret = 1;
	if (args->n == 1)
		return true;
	if (args->n > 2 || !wb_grub_number(args->items[1], ret, &end) || *end)
		g->status = WB_GRUB_ERROR;
	return !g->status;
}

static int leave(struct wb_grub *g, const struct wb_strv *args, bool is_continue)
{
	unsigned long n;

	if (!count(g, args, &n) || !n) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	g->is_continue = is_continue;
	g->breaks = n < g->loops ? (unsigned int)n : g->loops;
	return 0;
}

static int cmd_break(struct wb_grub *g, const struct wb_strv *args)
{
	return leave(g, args, false);
}

static int cmd_continue(struct wb_grub *g, const struct wb_strv *args)
{
	return leave(g, args, true);
}

static int cmd_return(struct wb_grub *g, const struct wb_strv *args)
{
	const char *end;
	unsigned long n = 0;

	if (!g->args || args->n > 2 ||
		(args->n == 2 && (!wb_grub_number(args->items[1], &n, &end) || *end))) {
		g->status = args->n == 2 && !wb_grub_is_known(args->items[1]) ? -1 : WB_GRUB_ERROR;
		return 0;
	}
	/* Without a number, the status is that of the command before. */
	g->status = args->n == 2 ? (int)(n & 0xffff) : g->last_status;
	if (g->in_functions) {
		g->returning = true;
		return 0;
	}
	/*
	 * In the body of an entry GRUB's function_return stays set, so that each later list of
	 * commands ends after its first command.
	 */
	if (g->load)
		g->load->is_unsure = true;
	return g->load ? 0 : wb_grub_unsure(g, "a submenu has a 'return' outside of a function");
}

static int cmd_shift(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STRV rest = {};
	unsigned long n;
	int r;

	if (!g->args)
		return 0;
	if (!count(g, args, &n) || n > g->args->n) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	r = wb_strv_copy(&(struct wb_strv){g->args->items + n, g->args->n - n}, &rest);
	/* In doubt, the shift may or may not have happened. */
	if (r == 0 && wb_grub_in_doubt(g)) {
		wb_strv_deinit(&rest);
		r = wb_strv_add(&rest, WB_GRUB_UNKNOWN_TEXT);
	}
	if (r < 0)
		return r;
	wb_strv_deinit(g->args);
	*g->args = rest;
	rest = (struct wb_strv){};
	return 0;
}

static int cmd_setparams(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STRV all = {};
	int r;

	if (!g->args) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	if (wb_grub_in_doubt(g))
		r = wb_strv_add(&all, WB_GRUB_UNKNOWN_TEXT);
	else
		r = wb_strv_copy(&(struct wb_strv){args->items + 1, args->n - 1}, &all);
	if (r < 0)
		return r;
	wb_strv_deinit(g->args);
	*g->args = all;
	all = (struct wb_strv){};
	return 0;
}

/* GRUB parses the text line by line (grub_script_execute_sourcecode()). */
static int cmd_eval(struct wb_grub *g, const struct wb_strv *args)
{
	struct wb_grub_text text;
	char *joined;
	size_t n = 1;
	int r;

	for (size_t i = 1; i < args->n; i++) {
		n += strlen(args->items[i]) + 1;
		if (!wb_grub_is_known(args->items[i])) {
			wb_grub_forget(g);
			g->status = -1;
			return wb_grub_unsure(g, "it evaluates a text that only GRUB can know");
		}
	}
	g->expanded += n;
	joined = malloc(n);
	if (!joined)
		return -ENOMEM;
	*joined = 0;
	for (size_t i = 1, at = 0; i < args->n; i++)
		at += (size_t)snprintf(
			joined + at, n - at, "%s%s", i > 1 ? " " : "", args->items[i]);
	r = wb_grub_keep_text(g, joined, &text);
	return r < 0 ? r : wb_grub_run(g, text);
}

const struct wb_grub_command wb_grub_builtins[] = {
	{"set", cmd_set},
	{"unset", cmd_unset},
	{"export", cmd_export},
	{"[", wb_grub_cmd_test},
	{"test", wb_grub_cmd_test},
	{"true", cmd_true},
	{"false", cmd_false},
	{"increment", cmd_increment},
	{"decrement", cmd_decrement},
	{"break", cmd_break},
	{"continue", cmd_continue},
	{"return", cmd_return},
	{"shift", cmd_shift},
	{"setparams", cmd_setparams},
	{"eval", cmd_eval},
	{},
};
