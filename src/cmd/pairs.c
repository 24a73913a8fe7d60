// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot pairs: what is known of jumps between kernels on this class of machines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "guard/pairs-change.h"
#include "guard/pairs-text.h"
#include "session/pairs.h"

enum { OPT_CLASS = OPT_OWN, OPT_EXPORT, OPT_PLAIN, OPT_IMPORT };

static const struct cmd_option own_options[] = {
	{OPT_CLASS, 0, "class", .help = "show the class of this machine, and its hash"},
	{OPT_EXPORT, 0, "export", .help = "write this machine's ledger for other machines"},
	{OPT_PLAIN, 0, "plain",
		.help = "with --export: with machines in plain words, and with notes"},
	{OPT_IMPORT, 0, "import", "FILE",
		.help = "merge another machine's ledger; \"-\" reads standard input"},
	{},
};

static int fail_oom(const struct cmd_args *args)
{
	struct wb_error err = {};

	wb_oom(&err);
	return cmd_fail(args, &err);
}

/* Print and free a text. */
static int put(const struct cmd_args *args, int r, char *text, const char *end)
{
	WB_CLEAN_STR own = text;

	if (r < 0)
		return fail_oom(args);
	printf("%s%s", own, end);
	return CMD_DONE;
}

static int run_class(const struct cmd_args *args)
{
	WB_CLEAN_CLASS class = {};
	struct wb_error err = {};
	char *text = NULL;
	int r;

	if (wb_machine_class_read(wb_sys_real()->files, &class, &err) < 0)
		return cmd_fail(args, &err);
	if (cmd_has(args, OPT_JSON)) {
		r = wb_pairs_class_json(&class, &text);
		return put(args, r, text, "\n");
	}
	text = wb_machine_class_text(&class);
	if (text)
		printf("hash %s\n", class.hash);
	return put(args, text ? 0 : -ENOMEM, text, "");
}

static int run_list(const struct cmd_args *args)
{
	WB_CLEAN_LEDGER l = {};
	struct wb_pairs_view view;
	struct wb_error err = {};
	char *text = NULL;
	int r;

	if (wb_session_ledger(wb_sys_real(), &l, &err) < 0)
		return cmd_fail(args, &err);
	view = (struct wb_pairs_view){&l.class, l.running, l.running_name};
	if (cmd_has(args, OPT_JSON)) {
		r = wb_pairs_json(&l.pairs, &view, &text);
		return put(args, r, text, "\n");
	}
	r = wb_pairs_text(&l.pairs, &view, &text);
	return put(args, r, text, "");
}

static int run_export(const struct cmd_args *args)
{
	WB_CLEAN_BLOB out = {};
	struct wb_error err = {};

	if (wb_pairs_export(wb_sys_real()->files, cmd_has(args, OPT_PLAIN), &out, &err) < 0)
		return cmd_fail(args, &err);
	if ((out.size && fwrite(out.data, 1, out.size, stdout) != out.size) || fflush(stdout)) {
		wb_fail(&err, -EIO, "cannot write the ledger out: %s", strerror(errno));
		return cmd_fail(args, &err);
	}
	return CMD_DONE;
}

/* ---- import ---- */

/* A file larger than any ledger is refused where it is parsed. */
static int read_stdin(struct wb_blob *ret, struct wb_error *err)
{
	char piece[4096];
	size_t n;

	while (ret->size <= WB_PAIRS_LIMIT && (n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		if (wb_blob_append(ret, piece, n) < 0)
			return wb_oom(err);
	return ferror(stdin) ? wb_fail(err, -EIO, "cannot read standard input") : 0;
}

static int run_import(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	const char *path = cmd_get(args, OPT_IMPORT);
	bool piped = !strcmp(path, "-");
	struct wb_pairs_taken t;
	WB_CLEAN_BLOB text = {};
	struct wb_error err = {};
	int r = piped ? read_stdin(&text, &err)
		      : sys->files->read(sys->files->ctx, path, WB_PAIRS_LIMIT, &text, &err);

	if (r == 0)
		r = wb_pairs_import(
			sys, wb_blob_view(&text), piped ? "standard input" : path, &t, &err);
	if (r < 0)
		return cmd_fail(args, &err);
	printf("%zu new, %zu known better now, %zu with nothing new, %zu new machine classes in "
	       "plain words.\n",
		t.added, t.raised, t.known, t.machines);
	if (t.left)
		printf("%zu good pairs were left out: the ledger has no room for them.\n", t.left);
	return CMD_DONE;
}

/* ---- one pair ---- */

static int run_forget(const struct cmd_args *args)
{
	struct wb_error err = {};

	return wb_pairs_forget(wb_sys_real(), args->words[1], &err) < 0 ? cmd_fail(args, &err)
									: CMD_DONE;
}

static int run_note(const struct cmd_args *args)
{
	struct wb_error err = {};

	return wb_pairs_annotate(wb_sys_real(), args->words[1], args->words[2], &err) < 0
		       ? cmd_fail(args, &err)
		       : CMD_DONE;
}

typedef int run_fn(const struct cmd_args *args);

/* The function for this command line. NULL: it asks for nothing that there is, with a sentence. */
static run_fn *choose(const struct cmd_args *args, struct wb_error *err)
{
	static const int not_for_words[] = {
		OPT_JSON, OPT_CLASS, OPT_EXPORT, OPT_PLAIN, OPT_IMPORT, 0};
	static const int ways[] = {OPT_CLASS, OPT_EXPORT, OPT_IMPORT, 0};
	const char *verb = args->n_words ? args->words[0] : NULL;

	if (verb) {
		bool forget = !strcmp(verb, "forget"), note = !strcmp(verb, "note");

		if (!forget && !note)
			wb_fail(err, -EINVAL, "pairs knows forget and note, not \"%s\"", verb);
		else if (args->n_words != (forget ? 2 : 3))
			wb_fail(err, -EINVAL, "pairs %s takes %s", verb,
				forget ? "one ID" : "an ID and one TEXT");
		else if (cmd_none_of(args, not_for_words, verb, err) == 0)
			return forget ? run_forget : run_note;
		return NULL;
	}
	if (cmd_one_of(args, ways, err) < 0)
		return NULL;
	if (cmd_has(args, OPT_PLAIN) && !cmd_has(args, OPT_EXPORT))
		wb_fail(err, -EINVAL, "--plain belongs to --export");
	else if (cmd_has(args, OPT_JSON) &&
		 (cmd_has(args, OPT_EXPORT) || cmd_has(args, OPT_IMPORT)))
		wb_fail(err, -EINVAL, "--json is for the list and for --class");
	else if (cmd_has(args, OPT_IMPORT))
		return run_import;
	else if (cmd_has(args, OPT_EXPORT))
		return run_export;
	else
		return cmd_has(args, OPT_CLASS) ? run_class : run_list;
	return NULL;
}

static int run_pairs(const struct cmd_args *args)
{
	struct wb_error err = {};
	run_fn *run = choose(args, &err);

	return run ? run(args) : cmd_misused(args, &err);
}

static enum cmd_lock lock(const struct cmd_args *args)
{
	return args->n_words || cmd_has(args, OPT_IMPORT) ? CMD_LOCK_COMMAND : CMD_LOCK_NONE;
}

const struct cmd_row cmd_pairs = {
	.name = "pairs",
	.args = "[forget ID|note ID TEXT]",
	.max_args = 3,
	.help = "show what is known of jumps between kernels on machines like this one",
	.notes =
		"A star marks what holds for jumps from the running kernel. forget removes a pair "
		"from this "
		"machine's ledger; note writes a person's remark to it, and \"\" removes that. The "
		"same "
		"import twice changes nothing the second time, and makes no pair better. An "
		"export has "
		"machines as hashes only, unless --plain is given.",
	.options = {own_options, cmd_json_option},
	.lock = lock,
	.run = run_pairs,
};
