/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to stage a kernel, and reports on them, for load, reboot and kexec. */
#pragma once

#include <jansson.h>
#include <warmboot.h>

#include "cmd/cmd.h"
#include "session/request.h"

/* Prints what the library tells (session/host.h). */
extern const struct wb_teller cmd_teller;
/* This machine, with cmd_teller. */
struct wb_session_host cmd_host(void);
/*
 * From now on, signals that ask this program to end (Ctrl-C, a lost terminal, kill) take effect only where
 * the library asks cmd_teller for interruptions, so that the work so far can be undone.
 */
void cmd_put_off_signals(void);

/* The options that load and reboot share. */
extern const struct cmd_option cmd_load_options[];

/*
 * The words of `args` and those of these options, as text for struct wb_record; to be freed. NULL: they cannot
 * be written in this form, or out of memory.
 */
char *cmd_words_text(const struct cmd_args *args, const struct cmd_option *options);
struct cmd_words {
	struct cmd_args args; /* its strings are in `text` */
	char *text, **argv;
};
/* Parse such a text by the row of load. -EINVAL: this version of warmboot did not write it; -ENOMEM. */
int cmd_words_parse(
	const struct cmd_row *row, const char *text, struct cmd_words *ret, struct wb_error *err);
void cmd_words_deinit(struct cmd_words *w);

#define CMD_CLEAN_WORDS __attribute__((cleanup(cmd_words_deinit))) struct cmd_words

/*
 * The request of a command line of load or reboot. -EINVAL: wrong usage; -ENOMEM. The file system is used
 * only to make the paths of named files absolute.
 */
int cmd_request_read(const struct cmd_args *args, struct wb_request *ret, struct wb_error *err);
/* Fill in the part of the options that says what to stage. Strings stay the request's. */
void cmd_request_give(const struct wb_request *req, struct wb_session_options *ret);

/* A request from the record of a staged kernel, and the memory that it needs. */
struct cmd_staged {
	struct wb_request request;
	struct cmd_words words; /* owned strings of `request` */
};
/* For struct wb_session_options.reread. */
int cmd_reread(struct cmd_staged *staged, const char *text, struct wb_session_options *ret);
void cmd_staged_deinit(struct cmd_staged *staged);

/* Does the command line say what to stage, or how? */
bool cmd_asks_for_stage(const struct cmd_args *args);
/* Announce the shutdown, if `step` is "record", the last one before it. */
void cmd_announce_shutdown(const struct wb_session *s, const char *step);
/* Report what was staged, and how. `load`: the options that it was made from. */
void cmd_print_stage(const struct wb_stage *stage, const struct wb_load_options *load);
json_t *cmd_stage_json(
	const struct wb_stage *stage, const struct wb_load_options *load, bool staged);
