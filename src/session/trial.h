/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guarded jump: the plan for its trial, and the trial's begin. The boot after ends it (session/gate.h). */
#pragma once

#include "guard/config.h"
#include "session/request.h"

struct wb_trial_plan {
	struct wb_guard_config config; /* the file's, with the wishes of this session */
	struct wb_pin pin;             /* that can be set; loader NULL: none */
	bool pin_stays;                /* it is set already, by a trial that is open */
	char *back;   /* the entry of the kernel that runs now, to which it leads */
	char *no_pin; /* a sentence: why there is none; NULL: none is wanted */
	bool untried; /* nothing would run the gate, so there is no trial and no pin */
	bool panic;   /* WB_TRIAL_WORDS are on the next kernel's command line */
	/* After wb_trial_begin(): the trial that was on record before. */
	bool had_trial, had_runs;
	struct wb_blob before, runs_before;
};

void wb_trial_plan_deinit(struct wb_trial_plan *plan);

/* Wishes of a session, as words of WB_GUARD_CONFIG; NULL: as the file says. */
struct wb_trial_wish {
	const char *guard, *fallback, *confirm;
	bool timed; /* a time was given for the watchdog */
};

/* -EINVAL with a sentence: a word is none of those. Pure. */
int wb_trial_check_wish(const struct wb_trial_wish *wish, struct wb_error *err);

/*
 * Decide how the jump is guarded; nothing is changed on the machine. With Guard=require it fails if
 * something cannot be guarded, otherwise that is a warning.
 */
int wb_trial_plan(const struct wb_session_host *h, const struct wb_trial_wish *wish,
	struct wb_trial_plan *ret, struct wb_error *err);
/*
 * Add the words for a panic to a request that will be staged, unless its command line says already what
 * follows from one. -ENOMEM.
 */
int wb_trial_add_words(struct wb_trial_plan *plan, struct wb_request *req, struct wb_error *err);

/*
 * Pin the boot loader, and write the trial. `kept`: the units that are kept. On failure nothing has changed. After
 * the record of the jump was written. 1: nothing was done, for a reason that was told. With Guard=auto a pin that
 * cannot be set is a warning.
 */
int wb_trial_begin(const struct wb_session_host *h, struct wb_trial_plan *plan,
	const struct wb_strv *kept, const struct wb_strv *forced, struct wb_error *err);
/* The jump was refused: take the pin back, and restore the trial that was on record. */
void wb_trial_abandon(const struct wb_session_host *h, struct wb_trial_plan *plan);

/* The same after the program that asked for the jump was killed: a trial that this boot has begun ends, with its pin. */
void wb_trial_sweep(const struct wb_sys *sys);

/*
 * The boot entry of the running kernel: that of the jump that started it, or else the one that fits its
 * release. *ret points into `all`. -ENOENT, -ENOTUNIQ, -ESTALE (its file was replaced) with a sentence.
 */
int wb_trial_running_entry(const struct wb_files *files, const struct wb_entries *all,
	const struct wb_entry **ret, struct wb_error *err);
