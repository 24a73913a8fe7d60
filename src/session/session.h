/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * struct wb_session and its rows. Each step of a session is a row of wb_session_rows[]. The rows
 * are run in order, and undone in reverse order from the last that was done.
 */
#pragma once

#include "session/guard.h"
#include "session/keeping.h"
#include "session/once.h"
#include "session/record.h"
#include "session/request.h"
#include "session/trial.h"
#include "session/watchdog.h"

struct wb_session;

struct wb_session_row {
	const char *name;
	const char *mark; /* for the timeline, written when the row is done; NULL: none */
	/*
	 * For a dry run: find out what act() would do, and change nothing on the machine. Negative
	 * errno with a sentence if act() would fail. NULL: there is nothing to preview.
	 */
	int (*preview)(struct wb_session *s, struct wb_error *err);
	/*
	 * 0: done; 1: there was nothing to do. Negative errno with a sentence: nothing has changed,
	 * and the row has undone its own work. -ESHUTDOWN: everything was stopped already.
	 */
	int (*act)(struct wb_session *s, struct wb_error *err);
	/* Undo an act() that has returned 0. NULL: it changed nothing. */
	void (*undo)(struct wb_session *s);
	/*
	 * undo() is called after -ESHUTDOWN too, because it restores something that outlives a
	 * shutdown
	 */
	bool even_stopped;
};

/* All rows, ended by one without a name. */
extern const struct wb_session_row wb_session_rows[];
#define WB_SESSION_ROWS_MOST 20

struct wb_session {
	const struct wb_session_row *rows; /* wb_session_rows, except in tests */
	struct wb_session_options options; /* pointers are the caller's */
	struct wb_session_host host;
	struct wb_replay_host replay;    /* used by `host`, except in tests */
	bool done[WB_SESSION_ROWS_MOST]; /* act() has returned 0 */
	size_t next;                     /* index of the next row */
	bool over;                       /* undone or failed: no row can be run any more */
	/* Another program has asked for the shutdown, which waits for the rows before the jump, */
	bool by_others;
	uint64_t end_ns; /* on CLOCK_MONOTONIC until this time; 0: without a limit */

	int lock;              /* taken by the session itself; -1: none */
	struct wb_guard guard; /* undoes everything if this process is killed */
	bool was_loaded;       /* a kernel was loaded before the session */
	/* the kernel that is loaded, if any, cannot be used */
	bool stage_anew;
	/* `request` says how the loaded kernel was staged */
	bool can_restage;
	struct wb_request request;              /* the kernel to stage */
	struct wb_watch watch;                  /* the watchdog to arm */
	const struct wb_store_backend *backend; /* of the store for kept services */
	struct wb_keeping keeping;
	/* prepared or loaded; NULL: the kernel that was loaded before is used */
	struct wb_stage *stage;
	const struct wb_init *init; /* NULL: not looked up yet, or not needed */
	struct wb_jump_before before;
	struct wb_once once;
	struct wb_strv forced; /* checks that found something severe, and were overridden */
	struct wb_trial_plan trial;
};

/* Create a session on any machine, real or fake. `h` must outlive the session. */
int wb_session_new_on(const struct wb_session_host *h, const struct wb_session_options *options,
	struct wb_session **ret, struct wb_error *err);
/*
 * Run the rows from the one called `from` (NULL: the first that was not run) to `to` (NULL: the
 * last), both included. Earlier rows that were not run are skipped, and not undone.
 */
int wb_session_run_rows(
	struct wb_session *s, const char *from, const char *to, struct wb_error *err);
