// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * GRUB's variables, and the block of them that is stored in a file (GRUB manual, "Environment
 * block").
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/env.h"

bool wb_grub_is_known(const char *value)
{
	return !strchr(value, WB_GRUB_UNKNOWN);
}

bool wb_grub_is_formed(const char *value)
{
	for (const char *p = strchr(value, WB_GRUB_UNKNOWN); p; p = strchr(p, WB_GRUB_UNKNOWN)) {
		size_t n = strcspn(p + 1, "\x01\x02");

		if (!n || p[1 + n] != WB_GRUB_DEVICE_END)
			return false;
		p += n + 2;
	}
	return true;
}

void wb_grub_clean(char *text)
{
	for (; *text; text++)
		if (*text == WB_GRUB_DEVICE_END)
			*text = WB_GRUB_UNKNOWN;
}

bool wb_grub_is_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

bool wb_grub_number(const char *s, unsigned long *ret, const char **ret_end)
{
	unsigned long value = 0;
	unsigned int base = 10;
	bool any = false;

	while (isspace((unsigned char)*s))
		s++;
	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	} else if (s[0] == '0' && s[1] >= '0' && s[1] <= '7') {
		base = 8;
	}
	for (;; s++) {
		unsigned int digit = 99;

		if (isdigit((unsigned char)*s))
			digit = (unsigned int)(*s - '0');
		else if (isalpha((unsigned char)*s))
			digit = (unsigned int)(tolower((unsigned char)*s) - 'a') + 10;
		if (digit >= base)
			break;
		any = true;
		if (value > (ULONG_MAX - digit) / base)
			value = ULONG_MAX;
		else
			value = value * base + digit;
	}
	*ret = value;
	*ret_end = s;
	return any;
}

bool wb_grub_strv_same(const struct wb_strv *a, const struct wb_strv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static struct wb_grub_var *find(const struct wb_grub_env *env, const char *name)
{
	for (size_t i = 0; i < env->n; i++)
		if (strcmp(env->items[i].name, name) == 0)
			return &env->items[i];
	return NULL;
}

/* Append a new variable. */
static int append(struct wb_grub_env *env, const char *name, const char *value, bool exported)
{
	struct wb_grub_var v = {strdup(name), strdup(value), exported};
	struct wb_grub_var *items =
		v.name && v.value ? realloc(env->items, (env->n + 1) * sizeof(*items)) : NULL;

	if (!items) {
		free(v.name);
		free(v.value);
		return -ENOMEM;
	}
	env->items = items;
	items[env->n++] = v;
	return 0;
}

int wb_grub_env_set(struct wb_grub_env *env, const char *name, const char *value)
{
	struct wb_grub_var *v = find(env, name);
	char *copy;

	if (!v)
		return append(env, name, value, false);
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(v->value);
	v->value = copy;
	return 0;
}

bool wb_grub_env_has(const struct wb_grub_env *env, const char *name)
{
	return find(env, name);
}

const char *wb_grub_env_get(const struct wb_grub_env *env, const char *name)
{
	const struct wb_grub_var *v = find(env, name);

	if (v)
		return v->value;
	return env->rest_unknown ? WB_GRUB_UNKNOWN_TEXT : "";
}

int wb_grub_env_export(struct wb_grub_env *env, const char *name)
{
	int r = find(env, name) ? 0 : wb_grub_env_set(env, name, wb_grub_env_get(env, name));

	if (r == 0)
		find(env, name)->exported = true;
	return r;
}

int wb_grub_env_copy(const struct wb_grub_env *from, bool exported, struct wb_grub_env *ret)
{
	struct wb_grub_env env = {.rest_unknown = from->rest_unknown};

	for (size_t i = 0; i < from->n; i++) {
		const struct wb_grub_var *v = &from->items[i];

		if (exported && !v->exported)
			continue;
		if (append(&env, v->name, v->value, v->exported) < 0) {
			wb_grub_env_deinit(&env);
			return -ENOMEM;
		}
	}
	*ret = env;
	return 0;
}

/*
 * Look near the same index first: both environments are copies of one, so a variable mostly has the
 * same place.
 */
static const struct wb_grub_var *find_near(
	const struct wb_grub_env *env, const char *name, size_t i)
{
	if (i < env->n && strcmp(env->items[i].name, name) == 0)
		return &env->items[i];
	return find(env, name);
}

static const char *value_of(const struct wb_grub_env *env, const struct wb_grub_var *v)
{
	return v ? v->value : env->rest_unknown ? WB_GRUB_UNKNOWN_TEXT : "";
}

int wb_grub_env_join(struct wb_grub_env *env, const struct wb_grub_env *other)
{
	int r = 0;

	for (size_t i = 0; i < env->n && r == 0; i++) {
		struct wb_grub_var *v = &env->items[i];

		if (strcmp(v->value, value_of(other, find_near(other, v->name, i))) != 0)
			r = wb_grub_env_set(env, v->name, WB_GRUB_UNKNOWN_TEXT);
	}
	for (size_t i = 0; i < other->n && r == 0; i++) {
		const struct wb_grub_var *o = &other->items[i], *v = find_near(env, o->name, i);

		if (!v && strcmp(o->value, value_of(env, v)) != 0)
			r = wb_grub_env_set(env, o->name, WB_GRUB_UNKNOWN_TEXT);
		if (r == 0 && o->exported && !(v && v->exported))
			r = wb_grub_env_export(env, o->name);
	}
	env->rest_unknown |= other->rest_unknown;
	return r;
}

void wb_grub_env_forget(struct wb_grub_env *env)
{
	size_t kept = 0;

	env->rest_unknown = true;
	for (size_t i = 0; i < env->n; i++) {
		struct wb_grub_var v = env->items[i];

		/*
		 * Skip variables that GRUB set before it read anything, and those that it gave the
		 * configuration.
		 */
		if (strncmp(v.name, "feature_", 8) == 0 || strncmp(v.name, "grub_", 5) == 0 ||
			strncmp(v.name, "config_", 7) == 0) {
			env->items[kept++] = v;
			continue;
		}
		free(v.name);
		free(v.value);
	}
	env->n = kept;
}

size_t wb_grub_env_size(const struct wb_grub_env *env)
{
	size_t n = 0;

	for (size_t i = 0; i < env->n; i++)
		n += strlen(env->items[i].name) + strlen(env->items[i].value) + sizeof(*env->items);
	return n;
}

static bool is_wanted(const struct wb_strv *only, const char *name)
{
	for (size_t i = 0; i < only->n; i++)
		if (strcmp(only->items[i], name) == 0)
			return true;
	return !only->n;
}

/*
 * Parse NAME=VALUE lines. A backslash keeps the next byte (even a newline) as it is. '#' fills the
 * rest of the block.
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
		wb_grub_clean(line);
		wb_grub_clean(equals + 1);
		if (is_wanted(only, line))
			r = wb_grub_env_set(env, line, equals + 1);
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
