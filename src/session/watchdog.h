/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The watchdog that guards a jump: chosen before staging, and reported with what staging made of it. */
#pragma once

#include "guard/config.h"
#include "guard/watchdog.h"
#include "session/host.h"

/* The unit of the next boot that says when user space is up. */
#define WB_TRIAL_UNIT "warmboot-gate.service"
#define WB_WATCHDOG_SECONDS 120 /* if nothing else is asked for */
#define WB_TRIAL_SECONDS 600
#define WB_TRIAL_LEAST 30
#define WB_TRIAL_MOST 86400
#define WB_WATCHDOG_LEAST 10 /* a kernel and its init need some seconds */

struct wb_watch_wish {
	enum wb_guarding guard;
	unsigned int watchdog,
		trial; /* seconds, as in struct wb_session_options; 0: not asked for */
	bool now;      /* nobody shuts the system down */
};

/* It is not moved once it was decided, since `load` points into it. */
struct wb_watch {
	bool asked, is; /* `is`: `load` is to be staged */
	struct wb_watchdog found;
	struct wb_steps arm, feed, stop;
	struct wb_load_watchdog load;
	const char *modules[1];      /* of a kind that leaves it to the machine */
	uint64_t shutdown_us;        /* PID 1's own time for the shutdown, while ours is set */
	unsigned int seconds, trial; /* asked for */
	char why[512];               /* there is none: a sentence */
};

/*
 * Look for a watchdog. -EINVAL: a time makes no sense; with WB_GUARD_REQUIRE and a time also -ENOENT, -ERANGE and
 * others of wb_watchdog_find(): there is none. Otherwise ret->why says so.
 */
int wb_watch_decide(const struct wb_session_host *h, const struct wb_watch_wish *wish,
	enum wb_method method, struct wb_watch *ret, struct wb_error *err);
/*
 * It is staged: let PID 1 arm it in the shutdown, if that is its way. 1: there is nothing to do. Errors of
 * arm_at_shutdown().
 */
int wb_watch_arm(const struct wb_session_host *h, struct wb_watch *w,
	const struct wb_stage_info *info, struct wb_error *err);
void wb_watch_disarm(const struct wb_session_host *h, const struct wb_watch *w);
/* It cannot be staged after all. Fails if it is required, else notes why. */
int wb_watch_drop(struct wb_watch *w, const char *why, struct wb_error *err);
/* The report; `info` NULL: nothing was staged. false: no guard was asked for. */
bool wb_watch_report(const struct wb_watch *w, const struct wb_stage_info *info,
	struct wb_session_watchdog *ret);
/* The report as a sentence, to be freed. NULL: out of memory. */
char *wb_watch_sentence(const struct wb_session_watchdog *w);
/*
 * The same for a load, for the record. load NULL: there is none because of `why`, and without that, because
 * nobody asked for one, which gives NULL, too.
 */
char *wb_watch_sentence_of(
	const struct wb_load_watchdog *load, const struct wb_stage_info *info, const char *why);

/* The state of the watchdog that guarded the jump into this boot: a phrase, static. NULL: there was none. */
const char *wb_watch_state(const struct wb_files *files);
