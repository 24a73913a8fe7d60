// SPDX-License-Identifier: LGPL-2.1-or-later
/* GRUB's variables, and the block of them that survives in a file (GRUB manual, "Environment block"). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry/grub-script.h"

int wb_grub_set(struct wb_grub_env *env, const char *name, const char *value)
{
	struct wb_grub_var *items;
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < env->n; i++) {
		if (strcmp(env->items[i].name, name) != 0)
			continue;
		free(env->items[i].value);
		env->items[i].value = copy;
		return 0;
	}
	items = realloc(env->items, (env->n + 1) * sizeof(*items));
	if (items) {
		env->items = items;
		items[env->n] = (struct wb_grub_var){strdup(name), copy};
	}
	if (!items || !items[env->n].name) {
		free(copy);
		return -ENOMEM;
	}
	env->n++;
	return 0;
}

const char *wb_grub_get(const struct wb_grub_env *env, const char *name)
{
	for (size_t i = 0; i < env->n; i++)
		if (strcmp(env->items[i].name, name) == 0)
			return env->items[i].value;
	return "";
}

static bool is_wanted(const struct wb_strv *only, const char *name)
{
	for (size_t i = 0; i < only->n; i++)
		if (strcmp(only->items[i], name) == 0)
			return true;
	return !only->n;
}

/*
 * NAME=VALUE lines, a backslash taking the next byte (even a newline) as it is; the rest of the
 * block is filled with '#'.
 */
int wb_grub_env_parse(
	struct wb_bytes in, const struct wb_strv *only, struct wb_grub_env *env, bool *ret_valid)
{
	static const char signature[] = "# GRUB Environment Block\n";
	size_t at = strlen(signature);
	char *line;
	int r = 0;

	*ret_valid = wb_bytes_equal(in, 0, signature, at);
	if (!*ret_valid)
		return 0;
	line = malloc(in.size + 1);
	if (!line)
		return -ENOMEM;
	while (at < in.size && r == 0) {
		size_t n = 0;
		bool comment = in.data[at] == '#';
		char *equals;

		for (; at < in.size && in.data[at] != '\n'; at++) {
			if (in.data[at] == '\\' && at + 1 < in.size)
				at++;
			line[n++] = (char)in.data[at];
		}
		at++;
		line[n] = 0;
		equals = strchr(line, '=');
		if (comment || !equals || equals == line)
			continue;
		*equals = 0;
		if (is_wanted(only, line))
			r = wb_grub_set(env, line, equals + 1);
	}
	free(line);
	return r;
}

void wb_grub_env_deinit(struct wb_grub_env *env)
{
	if (!env)
		return;
	for (size_t i = 0; i < env->n; i++) {
		free(env->items[i].name);
		free(env->items[i].value);
	}
	free(env->items);
	*env = (struct wb_grub_env){};
}
