// SPDX-License-Identifier: LGPL-2.1-or-later
/* A kernel command line, taken apart and edited word by word, as the kernel itself splits it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "core/strv.h"
#include "core/text.h"

/* One parameter of the text, quotes included. */
struct word {
	const char *start;
	size_t length;
	size_t equals; /* offset of the first '=' outside the leading quote, 0: none */
};

/* The separators of the kernel's isspace(). */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (unsigned char)c == 0xa0;
}

/* Does what the kernel's next_arg() does; false at the end and at "--". */
static bool next_word(const char **at, struct word *ret)
{
	const char *s = *at;
	bool quoted = false;
	size_t i, equals = 0;

	while (*s && is_space(*s))
		s++;
	if (!*s)
		return false;
	for (i = 0; s[i] && (quoted || !is_space(s[i])); i++) {
		if (s[i] == '=' && !equals)
			equals = i;
		if (s[i] == '"')
			quoted = !quoted;
	}
	if (i == 2 && !memcmp(s, "--", 2))
		return false;
	*ret = (struct word){s, i, equals};
	*at = s + i;
	return true;
}

/*
 * Split a copy of the word in place, dropping the quotes that next_arg() drops: around the whole
 * word or around the value. `text` has length + 1 bytes.
 */
static void split(const struct word *w, char *text, char **ret_name, char **ret_value)
{
	size_t end = w->length;
	size_t value = w->equals + 1;

	memcpy(text, w->start, w->length);
	*ret_name = text;
	if (text[0] == '"') {
		(*ret_name)++;
		if (end > 1 && text[end - 1] == '"')
			end--;
	}
	text[end] = '\0';
	*ret_value = NULL;
	if (!w->equals)
		return;
	text[w->equals] = '\0';
	if (value < end && text[value] == '"') {
		value++;
		if (end > value && text[end - 1] == '"')
			text[end - 1] = '\0';
	}
	*ret_value = text + value;
}

static char underscore(char c)
{
	return c == '-' ? '_' : c;
}

/* Does a parameter's name match `want`, in which a final '*' stands for anything? */
static bool fits(struct wb_span name, const char *want)
{
	for (; *want; name.s++, name.n--, want++) {
		if (want[0] == '*' && !want[1])
			return true;
		if (!name.n || underscore(*name.s) != underscore(*want))
			return false;
	}
	return !name.n;
}

/* The name as split() cuts it out, but without a copy, so that a look-up cannot fail. */
static bool word_fits(const struct word *w, const char *want)
{
	struct wb_span name = {w->start, w->equals ? w->equals : w->length};
	bool quoted = *name.s == '"';

	if (quoted && !w->equals && name.n > 1 && name.s[name.n - 1] == '"')
		name.n--;
	if (quoted)
		name = (struct wb_span){name.s + 1, name.n - 1};
	return fits(name, want);
}

int wb_cmdline_each(
	const char *cmdline, int (*fn)(const char *name, const char *value, void *arg), void *arg)
{
	struct word w;

	while (next_word(&cmdline, &w)) {
		WB_CLEAN_STR text = malloc(w.length + 1);
		char *name, *value;
		int r;

		if (!text)
			return -ENOMEM;
		split(&w, text, &name, &value);
		r = fn(name, value, arg);
		if (r)
			return r;
	}
	return 0;
}

struct search {
	const char *want;
	char *found;
};

static int remember_last(const char *name, const char *value, void *arg)
{
	struct search *s = arg;

	if (!fits((struct wb_span){name, strlen(name)}, s->want))
		return 0;
	free(s->found);
	s->found = strdup(value ? value : "");
	return s->found ? 0 : -ENOMEM;
}

int wb_cmdline_get(const char *cmdline, const char *name, char **ret)
{
	struct search s = {.want = name};
	int r = wb_cmdline_each(cmdline, remember_last, &s);

	if (r) {
		free(s.found);
		return r;
	}
	if (!s.found)
		return -ENOENT;
	*ret = s.found;
	return 0;
}

bool wb_cmdline_has(const char *cmdline, const char *name)
{
	struct word w;

	while (next_word(&cmdline, &w))
		if (word_fits(&w, name))
			return true;
	return false;
}

int wb_cmdline_remove(const char *cmdline, const char *name, char **ret)
{
	const char *from = cmdline; /* start of the text to be kept */
	const char *at = cmdline;
	size_t n = 0;
	struct word w;
	char *out = malloc(strlen(cmdline) + 1);

	if (!out)
		return -ENOMEM;
	while (next_word(&at, &w)) {
		if (!word_fits(&w, name))
			continue;
		memcpy(out + n, from, w.start - from);
		n += w.start - from;
		while (is_space(*at))
			at++;
		from = at;
	}
	strcpy(out + n, from);
	/*
	 * Remove the blank before a removed last word, but not one inside an open quote at the end.
	 */
	for (n += strlen(from); !*from && from != cmdline && n && is_space(out[n - 1]); n--)
		out[n - 1] = '\0';
	*ret = out;
	return 0;
}

int wb_cmdline_append(const char *cmdline, const char *more, char **ret)
{
	char *out;

	if (asprintf(&out, "%s%s%s", cmdline, *cmdline && *more ? " " : "", more) < 0)
		return -ENOMEM;
	*ret = out;
	return 0;
}
