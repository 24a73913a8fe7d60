/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel to stage: from a name to a loaded kernel with a record. */
#pragma once

#include "arch/arch.h"
#include "entry/entry.h"
#include "jump/record.h"
#include "session/host.h"

/* Limit for files of one line, because sysfs reports the size of a page for each. */
#define WB_SMALL_FILE (1 << 16)

/* Words for the command line of the next jump only; /run is empty after it. */
#define WB_NEXT_WORDS "/run/warmboot/next-cmdline"
int wb_next_words_write(const struct wb_sys *sys, const char *words, struct wb_error *err);
/*
 * Words of --trace: measure every initcall, make room for 2000 of them, and mark the command line.
 */
#define WB_TRACE_MARK "warmboot.trace"
#define WB_TRACE_WORDS "initcall_debug log_buf_len=4M " WB_TRACE_MARK

/*
 * A kernel to stage. Pointers in `options` are the caller's; after wb_request_resolve() some point
 * to data owned below.
 */
struct wb_request {
	struct wb_load_options options;
	const char *entry;   /* the boot entry that was asked for; NULL: options.kernel */
	const char *cmdline; /* NULL: the entry's, or the image's own */
	bool reuse_cmdline;
	const char *append; /* the words of --append; NULL: none */
	bool trace;         /* --trace */
	const char *
		unguarded; /* a sentence: why no watchdog guards the jump that is to be guarded; NULL */
	bool resolved;     /* wb_request_resolve() has succeeded */
	/* without a record the staging fails, because services are to be kept */
	bool must_record;
	bool leave_mark; /* append the mark of a jump to the command line where it is needed */
	char *words;     /* the arguments as text, see cmd_words_text(); NULL unknown */

	const char **initrds; /* owned array behind options.initrds */
	struct wb_entries entries;
	char *reused;           /* /proc/cmdline, edited */
	char *appended;         /* owned string of options.append, if it is more than --append's */
	char *mark;             /* warmboot.jump=NONCE */
	char nonce[33];         /* the NONCE of `mark`, "" none */
	struct wb_store *store; /* the store for the jump, NULL none */
	char regions[2 *
		     WB_ARCH_WORD]; /* the parameters for the regions that are set aside, "" none */
};

/*
 * Fill in a request from the options of a session. Strings stay the caller's; `h` must outlive the
 * request, and gets its progress. -ENOMEM.
 */
int wb_request_from(const struct wb_session_host *h, const struct wb_session_options *options,
	struct wb_request *ret, struct wb_error *err);
/*
 * Complete `options`: look up the entry, and read /proc/cmdline if asked for. A second call does
 * nothing.
 */
int wb_request_resolve(
	const struct wb_session_host *h, struct wb_request *req, struct wb_error *err);
void wb_request_deinit(struct wb_request *req);

#define WB_CLEAN_REQUEST __attribute__((cleanup(wb_request_deinit))) struct wb_request

/* Find the regions that every kernel must set aside (request-region.c). Errors of wb_store_region_read(). */
int wb_request_find_regions(const struct wb_sys *sys, struct wb_request *req, struct wb_error *err);
/*
 * Before a load for a store or for guests: the region for guests, as long as nobody uses it, goes where nothing of them
 * lies. Without another place it is not set aside in the next kernel, with a warning.
 */
int wb_request_settle_regions(
	const struct wb_session_host *h, struct wb_request *req, struct wb_error *err);

/* Fail with a sentence if the kernel allows no load at all. */
int wb_check_gates(const struct wb_sys *sys, struct wb_error *err);
/*
 * wb_stage_prepare(), but -EINVAL for a kernel that would start with an empty command line. kexec's
 * interface (no `leave_mark`) permits that.
 */
int wb_request_prepare(const struct wb_sys *sys, const struct wb_request *req,
	struct wb_stage **ret, struct wb_error *err);
/*
 * Resolve, prepare, load and record. *ret_stage is for reports, to be freed with wb_stage_free();
 * NULL: not wanted. On failure no new kernel is loaded.
 */
int wb_request_stage(const struct wb_session_host *h, struct wb_request *req,
	struct wb_stage **ret_stage, struct wb_error *err);
/* Handle a record that could not be written: a failure if it is needed, else a warning. */
int wb_request_unrecorded(const struct wb_session_host *h, const struct wb_request *req,
	const struct wb_error *why, struct wb_error *err);
/* Fail because a file could not be written that kept services need. */
int wb_no_room(const struct wb_error *why, struct wb_error *err);
/* Set a store that was made after wb_request_resolve(). It must outlive the request. -ENOMEM. */
int wb_request_use_store(
	struct wb_request *req, const struct wb_store *store, struct wb_error *err);
/* Was the loaded kernel told of the store that this boot holds? True also if there is no store. */
bool wb_is_store_staged(const struct wb_sys *sys);
/* Is a kernel loaded now? */
bool wb_is_loaded(const struct wb_sys *sys);
/* Copy a command line without "warmboot.*", BOOT_IMAGE= and initrd=; *ret to be freed. -ENOMEM. */
int wb_reusable_cmdline(const char *running, char **ret);
