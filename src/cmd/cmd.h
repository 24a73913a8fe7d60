/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of every subcommand: one row in one table, from which parsing, --help, the usage
 * errors, completion and "warmboot help --list" are derived. Only this room prints and exits.
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
	int id;             /* the number in the command's code, > 0 and unique; 0 ends a list */
	char letter;        /* short form; 0: none */
	const char *name;   /* long form */
	const char *arg;    /* name of its argument in the help; NULL: it takes none */
	const char *values; /* "a|b|c": the only arguments there are; NULL: arg is free */
	/* The same from a table: argument number `i`, NULL after the last. Or NULL, for `values`. */
	const char *(*value)(size_t i);
	const char *help; /* NULL: accepted, but not shown (an old spelling) */
};

enum {
	OPT_HELP = 1,
	OPT_JSON,
	OPT_VERSION,
	OPT_OWN = 10, /* where the commands' own ids begin */
};

struct cmd_args;

/* The relation of a command to the machine's one lock (sys/lock.h). */
enum cmd_lock {
	CMD_LOCK_NONE = 1, /* it changes nothing that another command works on */
	CMD_LOCK_COMMAND, /* typed by a person: refused at once while another command has the lock */
	CMD_LOCK_UNIT, /* for a unit: nobody waits for it, so it waits for the lock up to a minute */
	CMD_LOCK_REVIVE, /* shared with others of its kind; peers wait, so it goes on without the lock */
	CMD_LOCK_SHUTDOWN, /* a part of a shutdown, under the lock of the command that began it */
	CMD_LOCK_LAST,     /* the same; /run may be gone, and then it goes on without the lock */
};

struct cmd_row {
	const char *name;
	const char *args; /* in the form of the usage: "[ENTRY]"; "" none */
	size_t max_args;  /* all are optional unless min_args says otherwise */
	size_t min_args;
	const char *help;                    /* one line, no full stop */
	const char *notes;                   /* paragraphs for --help, NULL none */
	const struct cmd_option *options[4]; /* lists, each ended by id 0; then NULL */
	bool question; /* "-?" shows the help and fails, as kexec-tools does */
	enum cmd_lock (*lock)(const struct cmd_args *args); /* never NULL */
	int (*run)(const struct cmd_args *args);
};

/* NULL-terminated; the order is that of the help. */
extern const struct cmd_row *const cmd_rows[];
/* Commands for warmboot's own units: found by name, but in no help, completion or manual page. */
extern const struct cmd_row *const cmd_service_rows[];
const struct cmd_row *cmd_find(const char *name);

/* The option "--json", for commands that have it. */
extern const struct cmd_option cmd_json_option[];

struct cmd_value {
	const struct cmd_option *option;
	const char *value; /* NULL: takes none */
};

/* A parsed command line. Strings are argv's. */
struct cmd_args {
	const struct cmd_row *row;
	const char *program;       /* for messages: "warmboot", "kexec" */
	struct cmd_value *options; /* in the order given */
	size_t n_options;
	const char **words;
	size_t n_words;
	bool question; /* "-?" was given */
	int lock;      /* the descriptor that holds the lock; -1: none is held */
};

/* ---- args.c ---- */

/*
 * Parse argv, whose first element is the command's name. Does not print. -EINVAL with a sentence on
 * wrong usage; -ENOMEM.
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
/* The i-th option of a row, NULL past the last. Every row has --help. */
const struct cmd_option *cmd_row_option(const struct cmd_row *row, size_t i);
bool cmd_option_takes_value(const struct cmd_option *option);
#define CMD_VALUES 128
/* "a|b|c", perhaps in `buf`; NULL: its argument is free, or it takes none. */
const char *cmd_option_values(const struct cmd_option *option, char buf[static CMD_VALUES]);

/* ---- lock.c ---- */

/* For the column `lock` of rows with one answer. */
enum cmd_lock cmd_lock_none(const struct cmd_args *args);
enum cmd_lock cmd_lock_command(const struct cmd_args *args);
enum cmd_lock cmd_lock_revive(const struct cmd_args *args);
/*
 * Take the lock that the row asks for into args->lock, to be closed. -EBUSY with a sentence that names
 * its holder. Users other than root take none, because they can change nothing; the command refuses
 * them with its own sentence.
 */
int cmd_lock_take(struct cmd_args *args, struct wb_error *err);

/* ---- run.c ---- */

/* Parse, then run or show help; the exit code. */
int cmd_run(const struct cmd_row *row, const char *program, int argc, char **argv);

/* ---- say.c ---- */

/* "warmboot: SENTENCE" on standard error; returns CMD_FAILED. */
int cmd_fail(const struct cmd_args *args, const struct wb_error *err);
/* The same for wrong usage; returns CMD_USAGE. */
int cmd_misused(const struct cmd_args *args, const struct wb_error *err);
/* A warning into the kernel's log, from which the journal takes it later, because it does not run yet. */
void cmd_tell_kernel(const char *text);
/* Print text from units, with "?" for each control character. */
void cmd_print_clean(FILE *out, const char *text);
/* Progress of long work, on standard error if that is a terminal. */
void cmd_progress(void *arg, const char *what);
void cmd_progress_end(void);

/* ---- usage.c ---- */

void cmd_print_help(FILE *out, const char *program, const struct cmd_row *row);
void cmd_print_overview(FILE *out, const struct cmd_row *const *rows);

extern const struct cmd_row cmd_status, cmd_list, cmd_load, cmd_unload, cmd_reboot, cmd_completion,
	cmd_help, cmd_kexec, cmd_keep, cmd_store, cmd_timeline, cmd_history, cmd_mark, cmd_probe,
	cmd_check, cmd_needed, cmd_confirm, cmd_fall_back, cmd_pairs, cmd_stage_auto;
/* Called by units only: cmd_service_rows[]. */
extern const struct cmd_row cmd_as_user, cmd_early, cmd_freeze, cmd_generator, cmd_hold, cmd_thaw,
	cmd_thawed, cmd_replay, cmd_gate;
