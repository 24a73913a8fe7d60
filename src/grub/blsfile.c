// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The script that GRUB makes of a file of the Boot Loader Specification (Red Hat's
 * commands/blscfg.c and GRUB 2.14's commands/blsuki.c, which differ).
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grub/blsfile.h"

void wb_grub_bls_deinit(struct wb_grub_bls *v)
{
	free(v->title);
	free(v->linux_path);
	free(v->options);
	wb_strv_deinit(&v->initrds);
	wb_strv_deinit(&v->args);
}

static int take(struct wb_grub_bls *v, const char *key, const char *value)
{
	char **at = NULL;

	if (strcmp(key, "initrd") == 0)
		return wb_strv_add(&v->initrds, value);
	if (strcmp(key, "grub_arg") == 0)
		return wb_strv_add(&v->args, value);
	if (strcmp(key, "title") == 0)
		at = &v->title;
	else if (strcmp(key, "linux") == 0)
		at = &v->linux_path;
	else if (strcmp(key, "options") == 0)
		at = &v->options;
	if (!at || *at)
		return 0;
	*at = strdup(value);
	return *at ? 0 : -ENOMEM;
}

/* The value of a line, which ends after its key then; NULL: GRUB reads no further. */
static char *cut_value(char *line, bool upstream)
{
	char *value = upstream ? line + strcspn(line, " \t") : strchr(line, ' ');

	if (!value)
		value = strchr(line, '\t');
	if (!value || !*value || !value[1])
		return NULL;
	*value++ = 0;
	value += strspn(value, " \t");
	return upstream && !*value ? NULL : value;
}

static void drop_returns(char *line)
{
	char *out = line;

	for (const char *in = line; *in; in++)
		if (*in != '\r')
			*out++ = *in;
	*out = 0;
}

int wb_grub_bls_parse(char *text, bool upstream, struct wb_grub_bls *ret)
{
	struct wb_grub_bls v = {};
	int r = 0;

	for (char *line = text, *next = text; next && r == 0; line = next) {
		char *value;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		else if (!*line)
			break;
		drop_returns(line);
		line += strspn(line, " \t");
		if (*line == '#')
			continue;
		value = cut_value(line, upstream);
		if (!value)
			break;
		r = take(&v, line, value);
	}
	if (r == 0)
		*ret = v;
	else
		wb_grub_bls_deinit(&v);
	return r;
}

/* Append to a growing text. */
static int append(char **s, const char *more, size_t n)
{
	char *joined;

	if (asprintf(&joined, "%s%.*s", *s ? *s : "", (int)n, more) < 0)
		return -ENOMEM;
	free(*s);
	*s = joined;
	return 0;
}

/* Append the text from `start` to `last`, inclusive. The value of a variable ends in a blank. */
static int append_field(
	struct wb_grub *g, char **s, const char *start, const char *last, bool is_variable)
{
	size_t n = (size_t)(last + 1 - start);
	WB_CLEAN_STR name = strndup(start, n);
	const char *value;
	int r;

	if (!name)
		return -ENOMEM;
	if (!is_variable)
		return append(s, start, n);
	value = wb_grub_get(g, name);
	g->expanded += strlen(value);
	if (!*value || g->expanded > WB_GRUB_MAX_EXPANDED)
		return 0;
	r = append(s, value, strlen(value));
	return r < 0 ? r : append(s, " ", 1);
}

/*
 * Expand variables before the text is read as script, as expand_val() does. GRUB loses a field of
 * one character at the end or before a variable, and so does this. NULL: nothing is left.
 */
static int expand_value(struct wb_grub *g, const char *value, bool upstream, char **ret)
{
	const char *start = value, *last = value;
	bool is_variable = false;
	int r = 0;

	for (; *value && r == 0; last = value++) {
		if (*value == '$' && (upstream || *last != '\\')) {
			if (start != last)
				r = append_field(g, ret, start, last, is_variable);
			is_variable = true;
			start = value + 1;
		} else if (is_variable && !isalnum((unsigned char)*value) && *value != '_') {
			r = append_field(g, ret, start, last, true);
			is_variable = false;
			start = value + (*value == ' ');
		}
	}
	if (r == 0 && start != last)
		r = append_field(g, ret, start, last, is_variable);
	return r;
}

/* Write the "initrd …" line; Red Hat's adds the variable early_initrd. */
static int write_initrds(
	struct wb_grub *g, const struct wb_grub_bls *v, bool upstream, char **script)
{
	const char *early = upstream ? "" : wb_grub_get(g, "early_initrd");
	const char *beside = v->initrds.n ? v->initrds.items[0] : v->linux_path;
	const char *slash = strrchr(beside, '/');
	int dir = slash ? (int)(slash - beside) + 1 : 0;
	WB_CLEAN_STRV words = {};
	int r = 0;

	if (!*early && !v->initrds.n)
		return 0;
	for (const char *p = early; *p && r == 0; p += strcspn(p, " "), p += *p == ' ')
		if (*p != ' ')
			r = wb_strv_addf(
				&words, " ($root)%.*s%.*s", dir, beside, (int)strcspn(p, " "), p);
	for (size_t i = 0; i < v->initrds.n && r == 0; i++)
		r = wb_strv_addf(&words, " %s%s", upstream ? "" : "($root)", v->initrds.items[i]);
	if (r == 0)
		r = append(script, "initrd", 6);
	for (size_t i = 0; i < words.n && r == 0; i++)
		r = append(script, words.items[i], strlen(words.items[i]));
	return r < 0 ? r : append(script, "\n", 1);
}

int wb_grub_bls_script(struct wb_grub *g, const struct wb_grub_bls *v, bool upstream, char **ret)
{
	WB_CLEAN_STR options = NULL;
	int r = 0;

	if (v->options)
		r = expand_value(g, v->options, upstream, &options);
	if (r == 0 && !options && !upstream)
		r = expand_value(g, wb_grub_get(g, "default_kernelopts"), upstream, &options);
	if (r == 0 && asprintf(ret, "linux %s%s%s%s\n", upstream ? "" : "($root)", v->linux_path,
			      options ? " " : "", options ? options : "") < 0) {
		*ret = NULL;
		r = -ENOMEM;
	}
	return r < 0 ? r : write_initrds(g, v, upstream, ret);
}
