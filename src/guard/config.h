/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How jumps are guarded on this machine: WB_GUARD_CONFIG, with lines of the form KEY=VALUE. Options of
 * `warmboot reboot` come before it.
 *
 *	Guard=off                the jump is not guarded; this is the default
 *	Guard=auto               by what works on this machine; what does not is said
 *	Guard=require            or the jump is refused
 *	Fallback=auto|off        pin the next boot through the firmware to the kernel that runs now
 *	Watchdog=SECONDS         a watchdog bites after so long (120); with require, there must be one
 *	Confirm=auto|manual      who has the last word on the new kernel: the health gate, or a person
 *	OnBad=tell|reboot|jump-back   what follows from a bad verdict
 *	Deadline=SECONDS         for the health gate, from the start of the kernel (600)
 *	ConfirmDeadline=SECONDS  for the person, from the end of the gate (3600)
 */
#pragma once

#include "guard/trial.h"

#define WB_GUARD_CONFIG "/etc/warmboot/guard.conf"

enum wb_guarding {
	WB_GUARD_OFF = 0,
	WB_GUARD_AUTO,
	WB_GUARD_REQUIRE,
};

/* "off", "auto", "require"; the words of Fallback= and Confirm=, by the bool that they mean. */
extern const struct wb_name wb_guard_words[], wb_fallback_words[], wb_confirm_words[];

struct wb_guard_config {
	enum wb_guarding guard;
	bool fallback; /* true unless it says otherwise */
	bool manual;
	enum wb_trial_action action;
	int64_t deadline_s, confirm_s;
	int64_t watchdog_s; /* 0: not said */
};

/* The defaults, changed by the text of the file. -EBADMSG with a sentence that names `where` and the line. */
int wb_guard_config_parse(
	struct wb_bytes text, const char *where, struct wb_guard_config *ret, struct wb_error *err);
/* Read the file; without it, the defaults. A mistake in it is a failure. */
int wb_guard_config_read(
	const struct wb_files *files, struct wb_guard_config *ret, struct wb_error *err);
