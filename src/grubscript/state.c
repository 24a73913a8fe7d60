// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The state of the interpreter: variables as the running command may set them, doubts, and the
 * texts that are kept.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/state.h"

bool wb_grub_in_doubt(const struct wb_grub *g)
{
	return g->doubt || g->doubt_return || g->doubt_break;
}

int wb_grub_set(struct wb_grub *g, const char *name, const char *value)
{
	/* The name is unknown, so any variable may have changed. */
	if (!wb_grub_is_known(name)) {
		wb_grub_forget(g);
		return 0;
	}
	/* These names are special (grub_env_special() of script/execute.c). */
	if (!*name || isdigit((unsigned char)*name) || strcmp(name, "#") == 0 ||
		strcmp(name, "*") == 0 || strcmp(name, "@") == 0)
		return 0;
	if (g->env.n >= WB_GRUB_MAX_VARIABLES && !wb_grub_env_has(&g->env, name)) {
		g->stopped = "it has too many variables";
		return 0;
	}
	if (wb_grub_in_doubt(g) && strcmp(wb_grub_env_get(&g->env, name), value) != 0)
		value = WB_GRUB_UNKNOWN_TEXT;
	/* GRUB's hook of "root" removes the parentheses (kern/env.c, kern/main.c). */
	if (strcmp(name, "root") == 0 && *value == '(' && value[strlen(value) - 1] == ')') {
		WB_CLEAN_STR inner = strndup(value + 1, strlen(value) - 2);

		return inner ? wb_grub_env_set(&g->env, name, inner) : -ENOMEM;
	}
	return wb_grub_env_set(&g->env, name, value);
}

const char *wb_grub_get(const struct wb_grub *g, const char *name)
{
	return wb_grub_env_get(&g->env, name);
}

void wb_grub_forget(struct wb_grub *g)
{
	wb_grub_env_forget(&g->env);
}

int wb_grub_forget_values(struct wb_grub *g)
{
	static const char *const stay[] = {"root", "prefix"};
	WB_CLEAN_STRV values = {};
	int r = 0;

	for (size_t i = 0; i < 2 && r == 0; i++)
		r = wb_strv_add(&values, wb_grub_get(g, stay[i]));
	if (r < 0)
		return r;
	wb_grub_env_forget(&g->env);
	for (size_t i = 0; i < 2 && r == 0; i++) {
		r = wb_grub_env_set(&g->env, stay[i], values.items[i]);
		if (r == 0)
			r = wb_grub_env_export(&g->env, stay[i]);
	}
	return r;
}

int wb_grub_unsure(struct wb_grub *g, const char *fmt, ...)
{
	va_list ap;
	int r;

	if (g->unsure)
		return 0;
	va_start(ap, fmt);
	r = vasprintf(&g->unsure, fmt, ap);
	va_end(ap);
	if (r < 0)
		g->unsure = NULL;
	return r < 0 ? -ENOMEM : 0;
}

int wb_grub_keep_text(struct wb_grub *g, char *text, struct wb_grub_text *ret)
{
	char **texts = text ? realloc(g->texts, (g->n_texts + 1) * sizeof(*texts)) : NULL;

	if (!texts) {
		free(text);
		return -ENOMEM;
	}
	g->texts = texts;
	texts[g->n_texts++] = text;
	*ret = (struct wb_grub_text){text, text + strlen(text)};
	return 0;
}

void wb_grub_deinit(struct wb_grub *g)
{
	wb_grub_env_deinit(&g->env);
	for (size_t i = 0; i < g->n_functions; i++)
		free(g->functions[i].name);
	free(g->functions);
	for (size_t i = 0; i < g->n_texts; i++)
		free(g->texts[i]);
	free(g->texts);
	wb_mounts_deinit(&g->mounts);
	free(g->base);
	free(g->opened);
	free(g->unsure);
	free(g->once);
	free(g->claimed_device);
	free(g->claimed_above);
	*g = (struct wb_grub){};
}
