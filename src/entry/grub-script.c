// SPDX-License-Identifier: LGPL-2.1-or-later
/* The language: words, quotes, variables, blocks, conditions, loops, functions, menu entries. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry/grub-script.h"

enum kind {
	END,
	NEWLINE, /* or ';' */
	OPEN,
	CLOSE,
	WORD,
};

struct token {
	enum kind kind;
	const char *p; /* of a word: with its quotes */
	size_t n;
};

/* What ended a list of commands. */
enum stop {
	AT_END,
	AT_CLOSE,
	AT_THEN,
	AT_ELIF,
	AT_ELSE,
	AT_FI,
	AT_DO,
	AT_DONE,
};

static const char *const stop_words[] = {
	[AT_THEN] = "then",
	[AT_ELIF] = "elif",
	[AT_ELSE] = "else",
	[AT_FI] = "fi",
	[AT_DO] = "do",
	[AT_DONE] = "done",
};

static int run_list(struct wb_grub *g, struct wb_grub_text *t, bool live, enum stop *ret_stop);

static void skip_blanks(struct wb_grub_text *t)
{
	while (t->p < t->end) {
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

/* Past the quoted part, variable or character at p. */
static const char *skip_piece(const char *p, const char *end)
{
	char quote = *p;

	if (*p == '\\')
		return end - p > 1 ? p + 2 : end;
	if (*p == '$' && end - p > 1 && p[1] == '{') {
		while (p < end && *p != '}' && *p != '\n')
			p++;
		return p < end ? p + 1 : end;
	}
	p++;
	if (quote != '\'' && quote != '"')
		return p;
	while (p < end && *p != quote) {
		if (quote == '"' && *p == '\\' && end - p > 1)
			p++;
		p++;
	}
	return p < end ? p + 1 : end;
}

static struct token next(struct wb_grub_text *t)
{
	struct token k = {.kind = END};

	skip_blanks(t);
	k.p = t->p;
	if (t->p >= t->end)
		return k;
	k.n = 1;
	switch (*t->p) {
	case '\n':
	case ';':
		k.kind = NEWLINE;
		t->p++;
		return k;
	case '{':
		k.kind = OPEN;
		t->p++;
		return k;
	case '}':
		k.kind = CLOSE;
		t->p++;
		return k;
	}
	k.kind = WORD;
	while (t->p < t->end && !memchr(" \t\r\n;{}", *t->p, 7))
		t->p = skip_piece(t->p, t->end);
	k.n = (size_t)(t->p - k.p);
	return k;
}

static bool is_word(struct token k, const char *s)
{
	return k.kind == WORD && k.n == strlen(s) && memcmp(k.p, s, k.n) == 0;
}

/* A word that is being put together. */
struct word {
	char *s;
	size_t n, capacity;
	bool any; /* even an empty quoted part makes a word */
};

static int put(struct word *w, char c)
{
	if (w->n + 1 >= w->capacity) {
		size_t want = w->capacity ? w->capacity * 2 : 64;
		char *s = realloc(w->s, want);

		if (!s)
			return -ENOMEM;
		w->s = s;
		w->capacity = want;
	}
	w->any = true;
	w->s[w->n++] = c;
	w->s[w->n] = 0;
	return 0;
}

static int finish(struct word *w, struct wb_strv *ret)
{
	int r = w->any ? wb_strv_add(ret, w->n ? w->s : "") : 0;

	w->n = 0;
	w->any = false;
	return r;
}

/* Value of the variable `name`; *buf is freed by the caller. NULL: out of memory. */
static const char *value_of(struct wb_grub *g, const char *name, char **buf)
{
	size_t n = g->args ? g->args->n : 0;
	char *end;
	unsigned long k;

	if (strcmp(name, "?") == 0 || strcmp(name, "#") == 0) {
		if (asprintf(buf, "%zu", *name == '#' ? n : (size_t)g->status) < 0)
			*buf = NULL;
		return *buf;
	}
	if (!isdigit((unsigned char)*name))
		return wb_grub_get(&g->env, name);
	k = strtoul(name, &end, 10);
	return k && k <= n ? g->args->items[k - 1] : "";
}

/* Expand the "$…" at p, splitting at blanks unless quoted. *ret: past it. */
static int put_variable(struct wb_grub *g, const char *p, const char *end, bool quoted,
	struct word *w, struct wb_strv *ret, const char **ret_p)
{
	WB_CLEAN_STR name = NULL;
	WB_CLEAN_STR buf = NULL;
	const char *start = p + 1, *stop, *v;
	int r = 0;

	if (start < end && *start == '{') {
		stop = ++start;
		while (stop < end && *stop != '}')
			stop++;
		*ret_p = stop < end ? stop + 1 : end;
	} else {
		stop = start;
		if (stop < end && strchr("?#@*", *stop) && *stop)
			stop++;
		else
			while (stop < end && (isalnum((unsigned char)*stop) || *stop == '_'))
				stop++;
		*ret_p = stop;
	}
	if (stop == start)
		return put(w, '$');
	name = strndup(start, (size_t)(stop - start));
	v = name ? value_of(g, name, &buf) : NULL;
	if (!v)
		return -ENOMEM;
	/* Only variables can make a script larger than its text ("set a=$a$a"). */
	g->expanded += strlen(v);
	if (g->expanded > WB_GRUB_MAX_EXPANDED) {
		g->stopped = "its variables grow too large";
		return 0;
	}
	w->any |= quoted;
	for (; *v && r == 0; v++) {
		if (!quoted && (*v == ' ' || *v == '\t' || *v == '\n'))
			r = finish(w, ret);
		else
			r = put(w, *v);
	}
	return r;
}

/* GRUB manual, "Quoting". A word may become none or several. */
static int expand(struct wb_grub *g, struct token k, struct wb_strv *ret)
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
		} else if (c == '$' && quote != '\'') {
			r = put_variable(g, p, end, quote == '"', &w, ret, &p);
		} else if (c == '\\' && quote != '\'' && end - p > 1) {
			/* Between double quotes only these are special; otherwise any character. */
			if (p[1] != '\n') {
				if (quote && !strchr("$\"\\", p[1]))
					r = put(&w, c);
				if (r == 0)
					r = put(&w, p[1]);
			}
			p += 2;
		} else {
			r = put(&w, c);
			p++;
		}
	}
	if (r == 0)
		r = finish(&w, ret);
	free(w.s);
	return r;
}

int wb_grub_words(struct wb_grub *g, const char *text, struct wb_strv *ret)
{
	struct wb_grub_text t = {text, text + strlen(text)};
	struct token k;
	int r = 0;

	while (r == 0 && (k = next(&t)).kind != END)
		if (k.kind == WORD)
			r = expand(g, k, ret);
	return r;
}

static int copy_env(const struct wb_grub_env *from, struct wb_grub_env *ret)
{
	for (size_t i = 0; i < from->n; i++)
		if (wb_grub_set(ret, from->items[i].name, from->items[i].value) < 0)
			return -ENOMEM;
	return 0;
}

/* Title and id from the arguments of menuentry or submenu. */
static int name_item(const struct wb_strv *args, struct wb_grub_item *item)
{
	static const char *const with_value[] = {
		"--class", "--users", "--hotkey", "--source", "--id"};

	for (size_t i = 1; i < args->n; i++) {
		const char *a = args->items[i];
		bool is_id = strcmp(a, "--id") == 0;

		if (strncmp(a, "--", 2) != 0) {
			if (!item->title && !(item->title = strdup(a)))
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
	if (!item->title)
		item->title = strdup("");
	return item->title ? 0 : -ENOMEM;
}

/* A menuentry or submenu whose body is `body`. What the body sets stays inside. */
static int define(struct wb_grub *g, const struct wb_strv *args, struct wb_grub_text body)
{
	struct wb_grub_menu *menu = g->menu;
	struct wb_grub_item *outer = g->item, item = {};
	struct wb_grub_env env = {};
	enum stop stop;
	int r;

	item.is_submenu = strcmp(args->items[0], "submenu") == 0;
	r = name_item(args, &item);
	if (r == 0)
		r = copy_env(&g->env, &env);
	if (r == 0) {
		struct wb_grub_env saved = g->env;

		g->env = env;
		env = saved;
		if (item.is_submenu)
			g->menu = &item.sub;
		else
			g->item = &item;
		r = run_list(g, &body, true, &stop);
		g->menu = menu;
		g->item = outer;
		saved = g->env;
		g->env = env;
		env = saved;
	}
	if (r == 0)
		r = wb_grub_add(g, &item);
	wb_grub_env_deinit(&env);
	wb_grub_item_deinit(&item);
	return r;
}

int wb_grub_add(struct wb_grub *g, struct wb_grub_item *item)
{
	struct wb_grub_item *items;

	if (++g->items > WB_GRUB_MAX_ITEMS) {
		g->stopped = "it has too many menu entries";
		return 0;
	}
	items = realloc(g->menu->items, (g->menu->n + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	g->menu->items = items;
	items[g->menu->n++] = *item;
	*item = (struct wb_grub_item){};
	return 0;
}

static const struct wb_grub_function *function_of(const struct wb_grub *g, const char *name)
{
	for (size_t i = g->n_functions; i > 0; i--)
		if (strcmp(g->functions[i - 1].name, name) == 0)
			return &g->functions[i - 1];
	return NULL;
}

/* Run the command that `args` is. */
static int call(struct wb_grub *g, struct wb_strv *args)
{
	const struct wb_grub_function *f;
	int r;

	if (!args->n)
		return 0;
	if (++g->steps > WB_GRUB_MAX_STEPS) {
		g->stopped = "it runs for too long";
		return 0;
	}
	f = function_of(g, args->items[0]);
	if (f) {
		const struct wb_strv *outer = g->args;
		struct wb_strv rest = {args->items + 1, args->n - 1};
		struct wb_grub_text body = f->body;
		enum stop stop;

		g->args = &rest;
		r = run_list(g, &body, true, &stop);
		g->args = outer;
		return r;
	}
	g->status = 0;
	return wb_grub_builtin(g, args);
}

/* Skip a block whose "{" was read; *ret: what is inside. */
static int skip_block(struct wb_grub *g, struct wb_grub_text *t, struct wb_grub_text *ret)
{
	const char *start = t->p;
	enum stop stop;
	int r = 0;

	do
		r = run_list(g, t, false, &stop);
	while (r == 0 && stop != AT_CLOSE && stop != AT_END);
	*ret = (struct wb_grub_text){start, stop == AT_CLOSE ? t->p - 1 : t->p};
	if (r == 0 && stop != AT_CLOSE && !g->stopped)
		g->stopped = "a '{' has no '}'";
	return r;
}

static int run_simple(struct wb_grub *g, struct wb_grub_text *t, struct token first, bool live)
{
	bool block = is_word(first, "menuentry") || is_word(first, "submenu");
	WB_CLEAN_STRV args = {};
	struct wb_grub_text body;
	struct token k = first;
	int r = 0;

	while (k.kind == WORD && r == 0) {
		struct wb_grub_text before;

		if (live)
			r = expand(g, k, &args);
		before = *t;
		k = next(t);
		/* Others must see the brace: it is not part of this command. */
		if (k.kind == CLOSE || (k.kind == OPEN && !block))
			*t = before;
	}
	if (r < 0)
		return r;
	if (!block || k.kind != OPEN)
		return live ? call(g, &args) : 0;
	r = skip_block(g, t, &body);
	if (r == 0 && live && ++g->steps <= WB_GRUB_MAX_STEPS)
		r = define(g, &args, body);
	return r;
}

static int run_if(struct wb_grub *g, struct wb_grub_text *t, bool live)
{
	bool taken = false;
	enum stop stop;
	int r;

	do {
		bool ask = live && !taken, yes;

		r = run_list(g, t, ask, &stop);
		if (r < 0 || stop != AT_THEN)
			break;
		yes = ask && g->status == 0;
		r = run_list(g, t, yes, &stop);
		taken |= yes;
	} while (r == 0 && stop == AT_ELIF);
	if (r == 0 && stop == AT_ELSE)
		r = run_list(g, t, live && !taken, &stop);
	if (r == 0 && stop != AT_FI && !g->stopped)
		g->stopped = "an 'if' has no 'then' or 'fi'";
	return r;
}

static int run_while(struct wb_grub *g, struct wb_grub_text *t, bool live, bool until)
{
	struct wb_grub_text start = *t;
	bool again;

	do {
		enum stop stop;
		int r;

		*t = start;
		r = run_list(g, t, live, &stop);
		if (r < 0)
			return r;
		again = live && (g->status == 0) != until && !g->stopped;
		if (stop == AT_DO)
			r = run_list(g, t, again, &stop);
		if (r < 0)
			return r;
		if (stop != AT_DONE && !g->stopped)
			g->stopped = "a loop has no 'do' or 'done'";
		if (++g->steps > WB_GRUB_MAX_STEPS)
			g->stopped = "it runs for too long";
	} while (again && !g->stopped);
	return 0;
}

static int run_for(struct wb_grub *g, struct wb_grub_text *t, bool live)
{
	struct token name = next(t), k = next(t);
	WB_CLEAN_STR variable = NULL;
	WB_CLEAN_STRV values = {};
	struct wb_grub_text start;
	enum stop stop;
	size_t i = 0;
	int r = 0;

	if (name.kind != WORD || !is_word(k, "in")) {
		g->stopped = "a 'for' has no 'in'";
		return 0;
	}
	variable = strndup(name.p, name.n);
	if (!variable)
		return -ENOMEM;
	while (r == 0 && (k = next(t)).kind == WORD)
		if (live)
			r = expand(g, k, &values);
	if (r == 0)
		r = run_list(g, t, false, &stop);
	if (r < 0)
		return r;
	if (stop != AT_DO && !g->stopped)
		g->stopped = "a 'for' has no 'do'";
	start = *t;
	do {
		bool go = live && i < values.n;

		*t = start;
		if (go)
			r = wb_grub_set(&g->env, variable, values.items[i]);
		if (r == 0)
			r = run_list(g, t, go, &stop);
		if (r == 0 && stop != AT_DONE && !g->stopped)
			g->stopped = "a 'for' has no 'done'";
		if (++g->steps > WB_GRUB_MAX_STEPS)
			g->stopped = "it runs for too long";
	} while (r == 0 && ++i < values.n && !g->stopped);
	return r;
}

static int run_function(struct wb_grub *g, struct wb_grub_text *t, bool live)
{
	struct wb_grub_function *all, f = {};
	struct token name = next(t), k = next(t);
	int r;

	while (k.kind == NEWLINE)
		k = next(t);
	if (name.kind != WORD || k.kind != OPEN) {
		g->stopped = "a 'function' has no name or no '{'";
		return 0;
	}
	r = skip_block(g, t, &f.body);
	if (r < 0 || !live)
		return r;
	f.name = strndup(name.p, name.n);
	all = f.name ? realloc(g->functions, (g->n_functions + 1) * sizeof(*all)) : NULL;
	if (!all) {
		free(f.name);
		return -ENOMEM;
	}
	g->functions = all;
	all[g->n_functions++] = f;
	return 0;
}

static int run_command(struct wb_grub *g, struct wb_grub_text *t, struct token k, bool live)
{
	if (is_word(k, "if"))
		return run_if(g, t, live);
	if (is_word(k, "while") || is_word(k, "until"))
		return run_while(g, t, live, is_word(k, "until"));
	if (is_word(k, "for"))
		return run_for(g, t, live);
	if (is_word(k, "function"))
		return run_function(g, t, live);
	return run_simple(g, t, k, live);
}

/* Commands up to a word that ends the list. Those that are not `live` are only read over. */
static int run_list(struct wb_grub *g, struct wb_grub_text *t, bool live, enum stop *ret_stop)
{
	enum stop stop = AT_END;
	bool ended = false;
	int r = 0;

	*ret_stop = AT_END;
	if (g->depth >= WB_GRUB_MAX_DEPTH) {
		g->stopped = "it nests too deeply";
		return 0;
	}
	g->depth++;
	while (!ended && r == 0 && !g->stopped) {
		struct token k = next(t);

		for (size_t i = AT_THEN; i <= AT_DONE && !ended; i++) {
			if (!is_word(k, stop_words[i]))
				continue;
			stop = (enum stop)i;
			ended = true;
		}
		if (ended || k.kind == NEWLINE)
			continue;
		if (k.kind == WORD) {
			r = run_command(g, t, k, live);
		} else if (k.kind == OPEN) {
			enum stop inner;

			r = run_list(g, t, live, &inner);
		} else {
			stop = k.kind == CLOSE ? AT_CLOSE : AT_END;
			ended = true;
		}
	}
	g->depth--;
	*ret_stop = stop;
	return r;
}

int wb_grub_run(struct wb_grub *g, struct wb_grub_text text)
{
	enum stop stop;
	int r;

	/* A stray "}" or "fi" ends nothing, as in GRUB's rescue of broken files. */
	do
		r = run_list(g, &text, true, &stop);
	while (r == 0 && !g->stopped && stop != AT_END);
	return r;
}

int wb_grub_run_file(struct wb_grub *g, const char *path)
{
	struct wb_blob *blob;
	int r;

	if (g->n_texts >= WB_GRUB_MAX_FILES)
		return wb_entries_warn(
			g->warn, "%s was not read: too many files include files", path);
	blob = &g->texts[g->n_texts];
	r = wb_entry_read(g->files, path, g->warn, blob);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	g->n_texts++;
	r = wb_grub_run(
		g, (struct wb_grub_text){(char *)blob->data, (char *)blob->data + blob->size});
	if (r == 0 && g->stopped)
		r = wb_entries_warn(g->warn, "%s was read only in part: %s", path, g->stopped);
	g->stopped = NULL;
	return r;
}

void wb_grub_item_deinit(struct wb_grub_item *item)
{
	free(item->title);
	free(item->id);
	free(item->file);
	free(item->linux_path);
	free(item->cmdline);
	wb_strv_deinit(&item->initrds);
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

void wb_grub_deinit(struct wb_grub *g)
{
	wb_grub_env_deinit(&g->env);
	for (size_t i = 0; i < g->n_functions; i++)
		free(g->functions[i].name);
	free(g->functions);
	for (size_t i = 0; i < g->n_texts; i++)
		wb_blob_deinit(&g->texts[i]);
	*g = (struct wb_grub){};
}
