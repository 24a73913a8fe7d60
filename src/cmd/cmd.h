/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of every subcommand: one row in one table, from which parsing, --help, the usage
 * errors, completion and `warmboot help --list` are derived. Only this room prints and exits.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "core/error.h"
#include "core/strv.h"

/* Exit codes. */
enum {
	CMD_DONE = 0,
	CMD_FAILED = 1, /* refused or failed, nothing changed */
	CMD_USAGE = 2,
};

struct cmd_option {
	int id;             /* what the command's code knows it by, > 0 and unique; 0 ends a list */
	char letter;        /* short form; 0: none */
	const char *name;   /* long form */
	const char *arg;    /* its argument, as help calls it; NULL: it takes none */
	const char *values; /* "a|b|c": the only arguments there are; NULL: arg is free */
	const char *help;   /* NULL: accepted, but not shown (an old spelling) */
};

enum {
	OPT_HELP = 1,
	OPT_JSON,
	OPT_VERSION,
	OPT_OWN = 10, /* where the commands' own ids begin */
};

struct cmd_args;

struct cmd_row {
	const char *name;
	const char *args; /* as usage shows them: "[ENTRY]"; "" none */
	size_t max_args;  /* all are optional unless min_args says otherwise */
	size_t min_args;
	const char *help;                    /* one line, no full stop */
	const char *notes;                   /* paragraphs for --help, NULL none */
	const struct cmd_option *options[4]; /* lists, each ended by id 0; then NULL */
	int (*run)(const struct cmd_args *args);
};

/* NULL-terminated; the order is that of the help. */
extern const struct cmd_row *const cmd_rows[];
/* What warmboot's own units call: found by name, but in no help, completion or manual page. */
extern const struct cmd_row *const cmd_service_rows[];
const struct cmd_row *cmd_find(const char *name);

/* "--json" for those who offer it. */
extern const struct cmd_option cmd_json_option[];

struct cmd_value {
	const struct cmd_option *option;
	const char *value; /* NULL: takes none */
};

/* A command line taken apart. Strings are argv's. */
struct cmd_args {
	const struct cmd_row *row;
	const char *program;       /* for messages: "warmboot", "kexec" */
	struct cmd_value *options; /* in the order given */
	size_t n_options;
	const char **words;
	size_t n_words;
};

/*
 * Take apart argv, whose first element is the command's name. Does not print. -EINVAL with a
 * sentence on wrong usage; -ENOMEM.
 */
int cmd_parse(const struct cmd_row *row, int argc, char **argv, struct cmd_args *ret,
	struct wb_error *err);
void cmd_args_deinit(struct cmd_args *args);
/* Last value of an option, or NULL. "" for one without argument that was given. */
const char *cmd_get(const struct cmd_args *args, int id);
bool cmd_has(const struct cmd_args *args, int id);
/*
 * Of these options, ids ended by 0: at most one may be given; none may be given with `verb`. -EINVAL
 * with a sentence, for cmd_misused().
 */
int cmd_one_of(const struct cmd_args *args, const int *ids, struct wb_error *err);
int cmd_none_of(
	const struct cmd_args *args, const int *ids, const char *verb, struct wb_error *err);
/* Walk the options of a row: the i-th, or NULL past the last; --help is one of all. */
const struct cmd_option *cmd_row_option(const struct cmd_row *row, size_t i);

/* Parse, then run or show help; the exit code. */
int cmd_run(const struct cmd_row *row, const char *program, int argc, char **argv);

/* "warmboot: SENTENCE" on standard error; returns CMD_FAILED. */
int cmd_fail(const struct cmd_args *args, const struct wb_error *err);
/* Where the journal does not run yet: a warning in the kernel's log, which it reads later. */
void cmd_tell_kernel(const char *text);
/* The same for wrong usage; returns CMD_USAGE. */
int cmd_misused(const struct cmd_args *args, const struct wb_error *err);

void cmd_print_help(FILE *out, const char *program, const struct cmd_row *row);
void cmd_print_overview(FILE *out);

/*
 * What asks us to end (Ctrl-C, a lost terminal, kill) is heard from here on only where
 * cmd_interrupted() looks: -EINTR with a sentence, so that what was begun can be undone.
 */
void cmd_put_off_signals(void);
int cmd_interrupted(struct wb_error *err);

/* Progress of long work: shown on standard error when that is a terminal. */
void cmd_progress(void *arg, const char *what);
void cmd_progress_end(void);

extern const struct cmd_row cmd_status, cmd_list, cmd_load, cmd_unload, cmd_reboot, cmd_completion,
	cmd_help, cmd_kexec, cmd_keep, cmd_store, cmd_timeline, cmd_history, cmd_mark, cmd_probe;
/* Called by units only: cmd_service_rows[]. */
extern const struct cmd_row cmd_early, cmd_freeze, cmd_generator, cmd_hold, cmd_thaw, cmd_thawed,
	cmd_replay;
