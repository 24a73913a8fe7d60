/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of the machine between two jumps: what is staged, what blocks a jump, how the last one went. */
#pragma once

#include "jump/record.h"
#include "guard/trial.h"
#include "manifest/result.h"
#include "replay/manager.h"
#include "session/auto.h"
#include "store/store.h"
#include "sys/policy.h"
#include "sys/runner.h"

struct wb_status {
	struct wb_policy policy;
	struct wb_traces traces;
	struct wb_record staged, jump;
	bool loaded;           /* a kernel is staged, and: */
	bool have_staged;      /* `staged` says how; else another program loaded it, or: */
	bool staged_is_secret; /* only root may read how */
	bool by_itself;        /* the kernel is staged by itself; `by` says what it takes */
	struct wb_auto_record by;
	bool have_jump;            /* `jump` is known */
	bool crash_loaded;         /* a crash kernel is loaded, into: */
	int64_t crash_size;        /* bytes reserved */
	struct wb_verdict verdict; /* on the last jump */
	/* of the watchdog that guarded the jump into this boot, a phrase, static; NULL: there was none */
	const char *guard_state;
	struct wb_error unreadable; /* why its record is not known */
	bool have_trial;            /* `trial` is known: the last guarded jump's */
	struct wb_trial trial;
	struct wb_strv blockers; /* a sentence for each thing that stands in the way of a jump */
};

/* Changes nothing. -ENOMEM. */
int wb_status_read(const struct wb_sys *sys, struct wb_status *ret, struct wb_error *err);
void wb_status_deinit(struct wb_status *s);
#define WB_CLEAN_STATUS __attribute__((cleanup(wb_status_deinit))) struct wb_status

/* The number of the jump that the verdict is about; NULL: none, or it did not happen yet. */
const char *wb_status_last_jump(const struct wb_status *s);

/*
 * Record, once in each boot, what the next boots can no longer find out: the verdict on the last jump
 * and the results of its kept units. Wipe the stores that are left over, unless this kernel runs only
 * to save the memory of one that has crashed. A part that fails does not stop the others; the first
 * sentence counts.
 */
int wb_status_record(const struct wb_sys *sys, const struct wb_store_env *store,
	const struct wb_status *s, struct wb_error *err);

/*
 * The outcome of a kept unit in one word. systemd is asked about a restarted unit: its start may still
 * be under way, or may have failed.
 */
const char *wb_status_outcome(const struct wb_runner *runner, const struct wb_unit_result *u);

/*
 * Compare what ran before the jump with what runs now, without kept units that had ended by themselves.
 * Errors as wb_replay_compare(); "" in *ret_why if there is nothing to report.
 */
int wb_status_differences(
	struct wb_replay_host *host, struct wb_differences *ret, struct wb_error *ret_why);
