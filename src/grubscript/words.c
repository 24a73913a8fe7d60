// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Words of GRUB's script: finding their ends (script/yylex.l), expanding quotes and variables
 * (grub_script_arglist_to_argv() of script/execute.c), and matching wildcards against files
 * (commands/wildcard.c).
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/path.h"
#include "grubscript/words.h"

/* The largest number of files for one wildcard. */
#define MAX_MATCHES 512

static void skip_blanks(struct wb_grub_text *t)
{
	while (t->p < t->end) {
		/* grub_file_getline() drops carriage returns. */
		if (*t->p == ' ' || *t->p == '\t' || *t->p == '\r')
			t->p++;
		else if (*t->p == '\\' && t->end - t->p > 1 && t->p[1] == '\n')
			t->p += 2;
		else
			break;
	}
	if (t->p < t->end && *t->p == '#')
		while (t->p < t->end && *t->p != '\n')
			t->p++;
}

/* The place behind the quoted part, variable or character at p. NULL: it does not end. */
static const char *skip_piece(const char *p, const char *end)
{
	char quote = *p;

	if (*p == '\\')
		return end - p > 1 ? p + 2 : NULL;
	if (*p == '$' && end - p > 1 && p[1] == '{') {
		while (p < end && *p != '}' && *p != '\n')
			p++;
		return p < end ? p + 1 : NULL;
	}
	p++;
	if (quote != '\'' && quote != '"')
		return p;
	while (p < end && *p != quote) {
		if (quote == '"' && *p == '\\' && end - p > 1)
			p++;
		p++;
	}
	return p < end ? p + 1 : NULL;
}

struct wb_grub_token wb_grub_next(struct wb_grub_text *t)
{
	struct wb_grub_token k = {.kind = WB_GRUB_END};

	skip_blanks(t);
	k.p = t->p;
	if (t->p >= t->end)
		return k;
	k.n = 1;
	switch (*t->p) {
	case '\n':
	case ';':
		k.kind = WB_GRUB_NEWLINE;
		break;
	case '{':
		k.kind = WB_GRUB_OPEN;
		break;
	case '}':
		k.kind = WB_GRUB_CLOSE;
		break;
	case '|':
	case '&':
	case '<':
	case '>':
		k.kind = WB_GRUB_BAD;
		break;
	default:
		k.kind = WB_GRUB_WORD;
		while (t->p < t->end && !memchr(" \t\r\n;{}|&<>", *t->p, 11)) {
			const char *p = skip_piece(t->p, t->end);

			if (!p)
				k.kind = WB_GRUB_BAD;
			t->p = p ? p : t->end;
		}
		k.n = (size_t)(t->p - k.p);
		return k;
	}
	t->p++;
	return k;
}

/* A word while it is built. */
struct word {
	char *s;
	bool *special; /* is this character a wildcard? */
	size_t n, capacity;
	bool any; /* set also by an empty quoted part, which makes a word */
};

static int put(struct word *w, char c, bool plain)
{
	if (w->n + 1 >= w->capacity) {
		size_t want = w->capacity ? w->capacity * 2 : 64;
		char *s = realloc(w->s, want);
		bool *special;

		if (!s)
			return -ENOMEM;
		w->s = s;
		special = realloc(w->special, want * sizeof(*special));
		if (!special)
			return -ENOMEM;
		w->special = special;
		w->capacity = want;
	}
	w->any = true;
	w->special[w->n] = plain && (c == '*' || c == '?');
	w->s[w->n++] = c;
	w->s[w->n] = 0;
	return 0;
}

/* Does `name` match the pattern? `special` says which characters are wildcards. */
static bool fits(const char *name, const char *pattern, const bool *special, size_t n)
{
	const char *again = NULL;
	size_t i = 0, star = n;

	while (*name) {
		if (i < n && special[i] && pattern[i] == '*') {
			star = i++;
			again = name;
		} else if (i < n && (special[i] || pattern[i] == *name)) {
			i++;
			name++;
		} else if (star < n) {
			i = star + 1;
			name = ++again;
		} else {
			return false;
		}
	}
	while (i < n && special[i] && pattern[i] == '*')
		i++;
	return i == n;
}

/*
 * Append the matches of one component below each of `bases`. *ret_known: all directories could be
 * listed.
 */
static int match(struct wb_grub *g, const struct wb_strv *bases, const struct word *w, size_t from,
	size_t to, struct wb_strv *ret, bool *ret_known)
{
	for (size_t b = 0; b < bases->n; b++) {
		WB_CLEAN_STRV names = {};
		WB_CLEAN_STR dir = NULL;
		struct wb_error ignored = {};
		const char *why;
		int r = wb_grub_locate(g, bases->items[b], &dir, &why);

		if (r < 0)
			return r;
		if (r == WB_GRUB_ABSENT)
			continue;
		if (r == WB_GRUB_FOUND)
			r = g->files->list(g->files->ctx, dir, &names, &ignored);
		else
			*ret_known = false;
		if (r == -ENOMEM)
			return r;
		for (size_t i = 0; i < names.n && ret->n < MAX_MATCHES; i++)
			if (fits(names.items[i], w->s + from, w->special + from, to - from))
				if (wb_strv_addf(ret, "%s%s", bases->items[b], names.items[i]) < 0)
					return -ENOMEM;
		*ret_known &= ret->n < MAX_MATCHES;
	}
	return 0;
}

/*
 * Append a part without wildcards to each path. With `check`, paths that do not exist are dropped.
 */
static int extend(struct wb_grub *g, const struct wb_strv *bases, const struct word *w, size_t from,
	size_t to, bool check, struct wb_strv *ret)
{
	for (size_t b = 0; b < bases->n; b++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_STR real = NULL;
		const char *why;
		int r;

		if (asprintf(&path, "%s%.*s", bases->items[b], (int)(to - from), w->s + from) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		r = check ? wb_grub_locate(g, path, &real, &why) : WB_GRUB_FOUND;
		if (r < 0)
			return r;
		if (r != WB_GRUB_ABSENT && wb_strv_add(ret, path) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The files that the word matches, in no order. *ret_known false: only GRUB knows. */
static int expand_files(
	struct wb_grub *g, const struct word *w, struct wb_strv *ret, bool *ret_known)
{
	WB_CLEAN_STRV paths = {};
	bool wild = false;
	size_t at = 0;
	int r = wb_strv_add(&paths, "");

	*ret_known = wb_grub_is_formed(w->s);
	while (r == 0 && *ret_known && at < w->n) {
		WB_CLEAN_STRV more = {};
		size_t end = at, slash = at;
		bool special = false;

		/*
		 * Take the part up to the first "/" behind the first wildcard, from the last "/"
		 * before it.
		 */
		for (; end < w->n && (!special || w->s[end] != '/'); end++) {
			special |= w->special[end];
			if (w->s[end] == '/' && !special)
				slash = end + 1;
		}
		if (special && slash == 0) {
			*ret_known = false; /* a wildcard for devices */
			break;
		}
		if (!special) {
			r = extend(g, &paths, w, at, end, wild, &more);
		} else {
			WB_CLEAN_STRV dirs = {};

			r = extend(g, &paths, w, at, slash, false, &dirs);
			if (r == 0)
				r = match(g, &dirs, w, slash, end, &more, ret_known);
			wild = true;
		}
		wb_strv_deinit(&paths);
		paths = more;
		more = (struct wb_strv){};
		at = end;
	}
	*ret = paths;
	paths = (struct wb_strv){};
	return r;
}

static int finish(struct wb_grub *g, struct word *w, struct wb_strv *ret, bool *ret_many)
{
	WB_CLEAN_STRV files = {};
	bool wild = false, known = true;
	int r = 0;

	if (!w->any)
		return 0;
	for (size_t i = 0; i < w->n; i++)
		wild |= w->special[i];
	if (wild && strchr("/(*", *w->s))
		r = expand_files(g, w, &files, &known);
	if (r == 0 && !known)
		r = wb_strv_add(ret, WB_GRUB_UNKNOWN_TEXT);
	else if (r == 0 && !files.n)
		r = wb_strv_add(ret, w->n ? w->s : "");
	else if (r == 0 && files.n > 1 && !ret_many)
		r = wb_strv_add(ret, WB_GRUB_UNKNOWN_TEXT);
	else if (r == 0)
		r = wb_strv_copy(&files, ret);
	if (ret_many && files.n > 1)
		*ret_many = true;
	w->n = 0;
	w->any = false;
	return r;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One value of a variable, split at blanks unless quoted. */
static int put_value(struct wb_grub *g, const char *v, bool quoted, struct word *w,
	struct wb_strv *ret, bool *ret_many)
{
	int r = 0;

	/* Only variables can make a script larger than its text ("set a=$a$a"). */
	g->expanded += strlen(v);
	if (g->expanded > WB_GRUB_MAX_EXPANDED) {
		g->stopped = "its variables grow too large";
		return 0;
	}
	w->any |= quoted;
	/* Blanks at its ends are lost and end no word (grub_script_argv_split_append()). */
	while (!quoted && is_blank(*v))
		v++;
	for (; *v && r == 0; v++) {
		if (quoted || !is_blank(*v)) {
			r = put(w, *v, !quoted);
			continue;
		}
		while (is_blank(v[1]))
			v++;
		if (v[1])
			r = finish(g, w, ret, ret_many);
	}
	return r;
}

/* Append $1 and the like (grub_script_env_get()). */
static int put_special(struct wb_grub *g, const char *name, bool quoted, struct word *w,
	struct wb_strv *ret, bool *ret_many)
{
	size_t n = g->args ? g->args->n : 0;
	/* If one argument is unknown, their number is unknown, too: it may have been none. */
	bool known = true;
	char number[32];
	int r = 0;

	for (size_t i = 0; i < n; i++)
		known &= strcmp(g->args->items[i], WB_GRUB_UNKNOWN_TEXT) != 0;
	if (!known)
		return put_value(g, WB_GRUB_UNKNOWN_TEXT, quoted, w, ret, ret_many);
	if (isdigit((unsigned char)*name)) {
		unsigned long k = strtoul(name, NULL, 10);

		return put_value(
			g, k && k <= n ? g->args->items[k - 1] : "", quoted, w, ret, ret_many);
	}
	if (*name == '#') {
		snprintf(number, sizeof(number), "%zu", n);
		return put_value(g, g->args ? number : "", quoted, w, ret, ret_many);
	}
	for (size_t i = 0; i < n && r == 0; i++) {
		if (i && quoted && *name == '*')
			r = put(w, ' ', false);
		else if (i)
			r = finish(g, w, ret, ret_many);
		if (r == 0)
			r = put_value(g, g->args->items[i], quoted, w, ret, ret_many);
	}
	return r;
}

/* Expand the "$…" at p. *ret_p: past it. */
static int put_variable(struct wb_grub *g, const char *p, const char *end, bool quoted,
	struct word *w, struct wb_strv *ret, bool *ret_many, const char **ret_p)
{
	WB_CLEAN_STR name = NULL;
	const char *start = p + 1, *stop;
	bool braces = start < end && *start == '{';
	char number[32];

	start += braces;
	stop = start;
	if (stop < end && *stop && strchr("?#@*", *stop))
		stop++;
	else if (stop < end && isdigit((unsigned char)*stop))
		while (stop < end && isdigit((unsigned char)*stop))
			stop++;
	else
		while (stop < end && (isalnum((unsigned char)*stop) || *stop == '_'))
			stop++;
	*ret_p = stop + braces;
	if (stop == start || (braces && (stop >= end || *stop != '}'))) {
		*ret_p = end;
		g->stopped = "a '$' names no variable";
		return 0;
	}
	name = strndup(start, (size_t)(stop - start));
	if (!name)
		return -ENOMEM;
	if (*name == '?') {
		snprintf(number, sizeof(number), "%d", g->status);
		return put_value(g,
			g->status < 0 || g->status == WB_GRUB_ERROR ? WB_GRUB_UNKNOWN_TEXT : number,
			quoted, w, ret, ret_many);
	}
	if (isdigit((unsigned char)*name) || strchr("#*@", *name))
		return put_special(g, name, quoted, w, ret, ret_many);
	return put_value(g, wb_grub_get(g, name), quoted, w, ret, ret_many);
}

/*
 * Append the character after the backslash at p, outside single quotes. Returns the place behind
 * it; *ret_r: -ENOMEM.
 */
static const char *put_escaped(
	struct wb_grub *g, const char *p, bool quoted, struct word *w, const char *end, int *ret_r)
{
	bool hex = end - p > 3 && p[1] == 'x' && isxdigit((unsigned char)p[2]) &&
		   isxdigit((unsigned char)p[3]);
	int r = 0;

	if (p[1] == '\n')
		return p + 2;
	/* Between double quotes only these are special; otherwise any character. */
	if (quoted && !strchr("$\"\\", p[1]))
		r = put(w, *p, false);
	/* Red Hat's wildcard_unescape() leaves "\x20" as it is. */
	else if (!quoted && hex && g->flavour != WB_GRUB_UPSTREAM)
		r = put(w, g->flavour == WB_GRUB_REDHAT ? *p : WB_GRUB_UNKNOWN, false);
	if (r == 0)
		r = put(w, p[1], false);
	*ret_r = r;
	return p + 2;
}

/* GRUB manual, "Quoting". */
int wb_grub_expand(struct wb_grub *g, struct wb_grub_token k, struct wb_strv *ret, bool *ret_many)
{
	const char *p = k.p, *end = k.p + k.n;
	struct word w = {};
	char quote = 0;
	int r = 0;

	while (p < end && r == 0) {
		char c = *p;

		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? 0 : c;
			w.any = true;
			p++;
		} else if (c == '$' && !quote && end - p > 1 && p[1] == '"') {
			/* GRUB would translate this text. */
			r = put(&w, WB_GRUB_UNKNOWN, false);
			p++;
		} else if (c == '$' && quote != '\'') {
			r = put_variable(g, p, end, quote == '"', &w, ret, ret_many, &p);
		} else if (c == '\\' && quote != '\'' && end - p > 1) {
			p = put_escaped(g, p, quote == '"', &w, end, &r);
		} else if (c == '\r') {
			p++;
		} else {
			r = put(&w, c, !quote);
			p++;
		}
	}
	if (r == 0)
		r = finish(g, &w, ret, ret_many);
	free(w.s);
	free(w.special);
	return r;
}
