// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The language of GRUB's script: blocks, conditions, loops, functions, menu entries
 * (script/parser.y and script/execute.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/fork.h"
#include "grubscript/script.h"
#include "grubscript/words.h"

/* The word that ended a list of commands. */
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

/* Count every token as read: a loop reads skipped blocks in each round. */
static struct wb_grub_token next(struct wb_grub *g, struct wb_grub_text *t)
{
	const char *before = t->p;
	struct wb_grub_token k = wb_grub_next(t);

	g->read += (size_t)(t->p - before);
	if (g->read > WB_GRUB_MAX_READ)
		g->stopped = "it runs for too long";
	return k;
}

static bool is_word(struct wb_grub_token k, const char *s)
{
	return k.kind == WB_GRUB_WORD && k.n == strlen(s) && memcmp(k.p, s, k.n) == 0;
}

/* Does the next command run? Break, continue, return and boot can prevent it. */
static bool flows(const struct wb_grub *g)
{
	return !g->breaks && !g->returning && !g->over && !g->stopped &&
	       !(g->load && g->load->is_over);
}

static const struct wb_grub_function *function_of(const struct wb_grub *g, const char *name)
{
	for (size_t i = g->n_functions; i > 0; i--)
		if (strcmp(g->functions[i - 1].name, name) == 0)
			return &g->functions[i - 1];
	return NULL;
}

static int call_function(
	struct wb_grub *g, const struct wb_grub_function *f, const struct wb_strv *args)
{
	struct wb_strv *outer = g->args;
	struct wb_strv all = {args->items + 1, args->n - 1};
	WB_CLEAN_STRV mine = {};
	struct wb_grub_text body = f->body;
	unsigned int loops = g->loops;
	bool doubt_return = g->doubt_return, doubt_break = g->doubt_break;
	enum stop stop;
	int r = wb_strv_copy(&all, &mine);

	if (r < 0)
		return r;
	g->args = &mine;
	g->loops = 0;
	g->in_functions++;
	/* Doubt of the caller stays; doubt of a return ends with the function. */
	g->doubt += doubt_return || doubt_break;
	g->doubt_return = g->doubt_break = false;
	r = run_list(g, &body, true, &stop);
	g->doubt -= doubt_return || doubt_break;
	g->doubt_return = doubt_return;
	g->doubt_break = doubt_break;
	g->returning = false;
	g->in_functions--;
	g->loops = loops;
	g->args = outer;
	return r;
}

/* Run an assignment: NAME=VALUE, NAME= … */
static int assign(struct wb_grub *g, const char *arg)
{
	const char *equals = strchr(arg, '=');
	WB_CLEAN_STR name = strndup(arg, (size_t)(equals - arg));

	g->status = 0;
	return name ? wb_grub_set(g, name, equals + 1) : -ENOMEM;
}

/* NULL: the command is unsupported. */
static const struct wb_grub_command *command_of(const struct wb_grub *g, const char *name)
{
	for (const struct wb_grub_command *const *table = g->commands; *table; table++)
		for (const struct wb_grub_command *c = *table; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

/* Mark as unknown what an unsupported command with these words may have changed. */
static int call_unknown(struct wb_grub *g, const struct wb_strv *args)
{
	int r = 0;

	g->status = -1;
	if (!wb_grub_is_known(args->items[0])) {
		wb_grub_forget(g);
		return wb_grub_unsure(g, "it runs a command that only GRUB can know");
	}
	for (size_t i = 1; i < args->n && r == 0; i++) {
		/* "NAME", "--set=NAME", "--set=1:NAME" */
		const char *word = args->items[i], *name = word;

		if (!wb_grub_is_formed(word)) {
			wb_grub_forget(g);
			continue;
		}
		for (const char *p = word; *p; p++)
			if (*p == '=' || *p == ':')
				name = p + 1;
		if (wb_grub_is_name(name))
			r = wb_grub_set(g, name, WB_GRUB_UNKNOWN_TEXT);
	}
	return r;
}

/*
 * Run a command, else a function, else an assignment, in the order of
 * grub_script_execute_cmdline().
 */
static int call_named(struct wb_grub *g, const struct wb_strv *args)
{
	const char *name = args->items[0];
	const struct wb_grub_command *command = command_of(g, name);
	const struct wb_grub_function *f = command ? NULL : function_of(g, name);

	if (command) {
		g->last_status = g->status;
		g->status = 0;
		return command->run(g, args);
	}
	if (f)
		return call_function(g, f, args);
	if (name[strcspn(name, "=" WB_GRUB_UNKNOWN_TEXT)] == '=')
		return assign(g, name);
	return call_unknown(g, args);
}

/* Run the command `args`, also one with "!" in front. */
static int call(struct wb_grub *g, struct wb_strv *args)
{
	bool invert = args->n && strcmp(args->items[0], "!") == 0;
	struct wb_strv rest = *args;
	int r;

	if (!args->n)
		return 0;
	if (++g->steps > g->max_steps) {
		g->stopped = "it runs for too long";
		return 0;
	}
	if (invert && args->n < 2) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	rest.items += invert;
	rest.n -= invert;
	r = call_named(g, &rest);
	/* Any failure counts as success. */
	if (invert && g->status >= 0)
		g->status = !g->status;
	return r;
}

/* Skip a block whose "{" was read; *ret: its contents. */
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

static int run_simple(
	struct wb_grub *g, struct wb_grub_text *t, struct wb_grub_token first, bool live)
{
	bool is_entry = is_word(first, "menuentry") || is_word(first, "submenu");
	WB_CLEAN_STRV args = {};
	struct wb_grub_text body, before = *t;
	struct wb_grub_token k = first;
	int r = 0;

	while (k.kind == WB_GRUB_WORD && r == 0) {
		if (live)
			r = wb_grub_expand(g, k, &args, NULL);
		before = *t;
		k = next(g, t);
	}
	if (r < 0 || g->stopped)
		return r;
	if (k.kind == WB_GRUB_BAD) {
		g->stopped =
			"it has a quote that does not end, or a '|', '&', '<' or '>' of its own";
		return 0;
	}
	if (k.kind == WB_GRUB_OPEN)
		r = skip_block(g, t, &body);
	else if (k.kind == WB_GRUB_CLOSE)
		*t = before; /* leave the '}' to the block around the command */
	if (r < 0 || g->stopped || !live || !args.n)
		return r;
	if (k.kind != WB_GRUB_OPEN || ++g->steps > g->max_steps)
		return is_entry && k.kind != WB_GRUB_OPEN ? 0 : call(g, &args);
	if (is_entry)
		return wb_grub_define(g, &args, body);
	/* An unsupported command with a block may define an entry. */
	if (wb_grub_unsure(g, "the command '%s' with a block is not known", args.items[0]) < 0)
		return -ENOMEM;
	return call_unknown(g, &args);
}

static int run_clause(struct wb_grub *g, struct wb_grub_text *t, bool live, enum stop *ret_stop);

/* Run the part after "then" and its commands: elif, else or fi. */
static int run_rest(struct wb_grub *g, struct wb_grub_text *t, bool live, enum stop *stop)
{
	if (*stop == AT_ELIF)
		return run_clause(g, t, live, stop);
	/* If neither part ran, the status is success. */
	if (*stop != AT_ELSE) {
		if (live && flows(g))
			g->status = 0;
		return 0;
	}
	return run_list(g, t, live, stop);
}

/* Run from behind "if" or "elif". */
static int run_clause(struct wb_grub *g, struct wb_grub_text *t, bool live, enum stop *ret_stop)
{
	struct wb_grub_fork fork = {};
	bool unsure, yes;
	int r;

	if (++g->depth >= WB_GRUB_MAX_DEPTH)
		g->stopped = "it nests too deeply";
	r = g->stopped ? 0 : run_list(g, t, live, ret_stop);
	if (r == 0 && !g->stopped && *ret_stop != AT_THEN)
		g->stopped = "an 'if' has no 'then'";
	live = live && flows(g);
	unsure = live && g->status < 0;
	yes = live && g->status == 0;
	if (r == 0 && unsure)
		r = wb_grub_fork(g, &fork);
	if (r == 0 && !g->stopped)
		r = run_list(g, t, yes || unsure, ret_stop);
	if (r == 0 && unsure)
		r = wb_grub_fork_second(g, &fork);
	if (r == 0 && !g->stopped)
		r = run_rest(g, t, live && !yes, ret_stop);
	if (r == 0 && unsure)
		r = wb_grub_fork_join(g, &fork);
	wb_grub_fork_deinit(&fork);
	g->depth--;
	return r;
}

static int run_if(struct wb_grub *g, struct wb_grub_text *t, bool live)
{
	enum stop stop = AT_END;
	int r = run_clause(g, t, live, &stop);

	if (r == 0 && stop != AT_FI && !g->stopped)
		g->stopped = "an 'if' has no 'fi'";
	return r;
}

/* Leave a loop. The doubt of a "break" ends with the outermost loop. */
static void leave_loop(struct wb_grub *g, bool doubt_break)
{
	if (g->breaks)
		g->breaks--;
	g->loops--;
	if (!g->loops)
		g->doubt_break = doubt_break;
}

/* After each round. false: the loop ends (grub_script_execute_cmdwhile()). */
static bool loops_again(struct wb_grub *g)
{
	if (g->breaks == 1 && g->is_continue)
		g->breaks = 0;
	if (++g->steps > g->max_steps)
		g->stopped = "it runs for too long";
	return flows(g);
}

static int run_while(struct wb_grub *g, struct wb_grub_text *t, bool live, bool until)
{
	struct wb_grub_text start = *t;
	bool doubt_break = g->doubt_break, unsure = false, again;
	unsigned int rounds = 0;
	int r = 0;

	g->loops += live;
	do {
		enum stop stop = AT_END;
		int status;

		*t = start;
		r = run_list(g, t, live, &stop);
		again = live && flows(g) && (g->status < 0 || (g->status == 0) != until);
		/*
		 * The number of rounds is unknown. Two rounds in doubt make all values unknown that
		 * the body sets.
		 */
		if (again && g->status < 0 && !unsure) {
			unsure = true;
			g->doubt++;
		}
		if (unsure && rounds++ >= 2)
			again = false;
		status = g->status;
		if (r == 0 && stop == AT_DO)
			r = run_list(g, t, again, &stop);
		if (r == 0 && stop != AT_DONE && !g->stopped)
			g->stopped = "a loop has no 'do' or 'done'";
		if (live && !again)
			g->status = until && status >= 0 ? 0 : status;
	} while (r == 0 && again && loops_again(g));
	if (unsure)
		g->doubt--;
	if (live)
		leave_loop(g, doubt_break);
	return r;
}

/* Run the body of a "for" for each value, from the first or from the last. */
static int run_values(struct wb_grub *g, struct wb_grub_text *t, const char *variable,
	const struct wb_strv *values, bool backwards, bool live)
{
	struct wb_grub_text start = *t;
	bool doubt_break = g->doubt_break, go;
	size_t i = 0;
	int r = 0;

	g->loops += live;
	do {
		enum stop stop = AT_END;

		go = live && i < values->n && flows(g);
		*t = start;
		if (go)
			r = wb_grub_set(
				g, variable, values->items[backwards ? values->n - 1 - i : i]);
		if (r == 0)
			r = run_list(g, t, go, &stop);
		if (r == 0 && stop != AT_DONE && !g->stopped)
			g->stopped = "a 'for' has no 'done'";
		i++;
	} while (r == 0 && go && loops_again(g) && i < values->n);
	if (live)
		leave_loop(g, doubt_break);
	return r;
}

static int run_values_both_ways(struct wb_grub *g, struct wb_grub_text *t, const char *variable,
	const struct wb_strv *values)
{
	struct wb_grub_fork fork = {};
	struct wb_grub_text start = *t;
	int r = wb_grub_fork(g, &fork);

	if (r == 0)
		r = run_values(g, t, variable, values, false, true);
	if (r == 0)
		r = wb_grub_fork_second(g, &fork);
	*t = start;
	if (r == 0)
		r = run_values(g, t, variable, values, true, true);
	if (r == 0)
		r = wb_grub_fork_join(g, &fork);
	wb_grub_fork_deinit(&fork);
	return r;
}

static int run_for(struct wb_grub *g, struct wb_grub_text *t, bool live)
{
	struct wb_grub_token name = next(g, t), k = next(g, t);
	WB_CLEAN_STR variable = NULL;
	WB_CLEAN_STRV values = {};
	bool many = false, known = true;
	enum stop stop = AT_END;
	int r = 0;

	if (name.kind != WB_GRUB_WORD || !is_word(k, "in")) {
		g->stopped = "a 'for' has no 'in'";
		return 0;
	}
	variable = strndup(name.p, name.n);
	if (!variable)
		return -ENOMEM;
	while (r == 0 && (k = next(g, t)).kind == WB_GRUB_WORD)
		if (live)
			r = wb_grub_expand(g, k, &values, &many);
	if (live && !values.n)
		g->status = 0;
	if (r == 0)
		r = run_list(g, t, false, &stop);
	if (r < 0)
		return r;
	if (stop != AT_DO && !g->stopped)
		g->stopped = "a 'for' has no 'do'";
	if (g->stopped)
		return 0;
	for (size_t i = 0; i < values.n; i++)
		known &= wb_grub_is_formed(values.items[i]);
	if (live && many && known)
		return run_values_both_ways(g, t, variable, &values);
	/*
	 * An unknown word may be none or several words. Two rounds in doubt make all values unknown
	 * that the body sets.
	 */
	if (!known) {
		wb_strv_deinit(&values);
		for (int i = 0; i < 2 && r == 0; i++)
			r = wb_strv_add(&values, WB_GRUB_UNKNOWN_TEXT);
	}
	g->doubt += !known;
	if (r == 0)
		r = run_values(g, t, variable, &values, false, live);
	g->doubt -= !known;
	return r;
}

static int run_function(struct wb_grub *g, struct wb_grub_text *t, bool live)
{
	struct wb_grub_function *all, f = {};
	struct wb_grub_token name = next(g, t), k = next(g, t);
	int r;

	while (k.kind == WB_GRUB_NEWLINE)
		k = next(g, t);
	if (name.kind != WB_GRUB_WORD || k.kind != WB_GRUB_OPEN) {
		g->stopped = "a 'function' has no name or no '{'";
		return 0;
	}
	r = skip_block(g, t, &f.body);
	if (r < 0 || !live || g->stopped)
		return r;
	f.name = strndup(name.p, name.n);
	/*
	 * GRUB defines a function when it reads it. A script read by a branch may not be read in
	 * GRUB.
	 */
	if (f.name && (g->forks || wb_grub_in_doubt(g)) &&
		wb_grub_unsure(g, "it is not known which function '%s' is", f.name) < 0) {
		free(f.name);
		return -ENOMEM;
	}
	all = f.name ? realloc(g->functions, (g->n_functions + 1) * sizeof(*all)) : NULL;
	if (!all) {
		free(f.name);
		return -ENOMEM;
	}
	g->functions = all;
	all[g->n_functions++] = f;
	return 0;
}

static int run_command(struct wb_grub *g, struct wb_grub_text *t, struct wb_grub_token k, bool live)
{
	live = live && flows(g);
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

/* Run commands up to a word that ends the list. Without `live` they are only read. */
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
		struct wb_grub_token k = next(g, t);

		for (size_t i = AT_THEN; i <= AT_DONE && !ended; i++) {
			if (!is_word(k, stop_words[i]))
				continue;
			stop = (enum stop)i;
			ended = true;
		}
		if (ended || k.kind == WB_GRUB_NEWLINE)
			continue;
		if (k.kind == WB_GRUB_WORD) {
			r = run_command(g, t, k, live);
		} else if (k.kind == WB_GRUB_OPEN || k.kind == WB_GRUB_BAD) {
			g->stopped = "it has a command that GRUB does not understand";
		} else {
			stop = k.kind == WB_GRUB_CLOSE ? AT_CLOSE : AT_END;
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
	int r = run_list(g, &text, true, &stop);

	if (r == 0 && !g->stopped && stop != AT_END)
		g->stopped = "it has a '}' or a word such as 'fi' too many";
	return r;
}
