/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Staging, as load, reboot and kexec all do it. */
#pragma once

#include <jansson.h>
#include <warmboot.h>

#include "cmd/cmd.h"
#include "entry/entry.h"
#include "jump/record.h"
#include "store/store.h"
#include "sys/sys.h"

/* Limit for one-line files: sysfs says that each is as large as a page. */
#define CMD_SMALL_FILE (1 << 16)

/* Words for the next jump's command line alone, gone with /run when it has been made. */
#define WB_NEXT_WORDS "/run/warmboot/next-cmdline"
/* What --trace adds: every initcall with its time, room for 2000 of them, and a mark. */
#define WB_TRACE_MARK "warmboot.trace"
#define WB_TRACE_WORDS "initcall_debug log_buf_len=4M " WB_TRACE_MARK

/* load's options without --dry-run and --json. */
extern const struct cmd_option cmd_load_options[];

/*
 * What is to be staged. The pointers in `options` lead into argv, and after cmd_request_resolve()
 * into what is owned below.
 */
struct cmd_request {
	struct wb_load_options options;
	const char *entry;   /* which boot entry was asked for; NULL: options.kernel */
	const char *cmdline; /* NULL: the entry's, or the image's own */
	bool reuse_cmdline;
	const char *append; /* --append's own words; NULL */
	bool trace;         /* --trace */
	bool resolved;      /* cmd_request_resolve() is done */
	bool must_record;   /* staged without a record, it is of no use: services are to be kept */
	bool leave_mark;    /* leave the mark of a jump on the command line where it is needed */
	char *words;        /* all that was said of it, see cmd_words_text(); NULL unknown */

	const char **initrds; /* owned array behind options.initrds */
	struct wb_entries entries;
	char *reused;           /* /proc/cmdline, edited */
	char *appended;         /* behind options.append, when it is more than --append's */
	char *mark;             /* warmboot.jump=NONCE */
	char nonce[33];         /* that NONCE, "" none */
	struct wb_store *store; /* what this boot holds for the jump, NULL none */
	char region[64];        /* the word for a region set aside, "" none */
};

/* The options and words of load among `args`, for wb_record; NULL: they do not fit. To be freed. */
char *cmd_words_text(const struct cmd_args *args);
struct cmd_words {
	struct cmd_args args; /* strings are those below */
	char *text, **argv;
};
/* Back again. -EINVAL: not ours, or of another version; -ENOMEM. */
int cmd_words_parse(const char *text, struct cmd_words *ret, struct wb_error *err);
void cmd_words_deinit(struct cmd_words *w);

#define CMD_CLEAN_WORDS __attribute__((cleanup(cmd_words_deinit))) struct cmd_words

/*
 * From the command line of load or reboot. -EINVAL wrong usage, -ENOMEM. Reads nothing but where the
 * files named are, for `words`.
 */
int cmd_request_read(const struct cmd_args *args, struct cmd_request *ret, struct wb_error *err);
/* Was anything said of what to stage, or how? */
bool cmd_asks_for_stage(const struct cmd_args *args);
/* Look the entry up, read /proc/cmdline where asked for: then options is complete. Once is enough. */
int cmd_request_resolve(const struct wb_sys *sys, struct cmd_request *req, struct wb_error *err);
void cmd_request_deinit(struct cmd_request *req);

#define CMD_CLEAN_REQUEST __attribute__((cleanup(cmd_request_deinit))) struct cmd_request

/* Refuse what can never be loaded, with the sentence, before any work. */
int cmd_check_gates(const struct wb_sys *sys, struct wb_error *err);
/*
 * wb_stage_prepare(), but for a kernel that would come up without any command line: -EINVAL, unless
 * it was kexec's command line that asked for it.
 */
int cmd_prepare(const struct wb_sys *sys, const struct cmd_request *req, struct wb_stage **ret,
	struct wb_error *err);
/*
 * Resolve, prepare, load and put on record. *ret_stage is for reporting, to be freed with
 * wb_stage_free(); NULL: not wanted.
 */
int cmd_stage(const struct wb_sys *sys, struct cmd_request *req, struct wb_stage **ret_stage,
	struct wb_error *err);
/* Its end where the record could not be written: a failure, or a warning alone. */
int cmd_unrecorded(const struct wb_sys *sys, const struct cmd_request *req,
	const struct wb_error *why, struct wb_error *err);
/* Refuse a jump at which services were to be kept, for a file that could not be written. */
int cmd_no_room(const struct wb_error *why, struct wb_error *err);
/* A store that was made after that. It must outlive the request. -ENOMEM. */
int cmd_request_use_store(
	struct cmd_request *req, const struct wb_store *store, struct wb_error *err);
/*
 * Was the kernel that is loaded told of the store that this boot holds? True also where there is
 * none.
 */
bool cmd_store_is_staged(const struct wb_sys *sys);
/* Is a kernel loaded now? */
bool cmd_is_loaded(const struct wb_sys *sys);
/* "warmboot.*", BOOT_IMAGE and initrd= go; *ret to be freed. -ENOMEM. */
int cmd_reusable_cmdline(const char *running, char **ret);

void cmd_print_stage(const struct wb_stage *stage, const struct cmd_request *req);
json_t *cmd_stage_json(const struct wb_stage *stage, const struct cmd_request *req, bool staged);
