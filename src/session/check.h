/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The preflight of a boot entry: may this machine jump to its kernel now? */
#pragma once

#include "guard/check.h"
#include "session/host.h"

struct wb_checked {
	char *entry, *kernel, *release; /* of the next kernel; release "" if it is not known */
	struct wb_findings findings;
};

void wb_checked_deinit(struct wb_checked *checked);
#define WB_CLEAN_CHECKED __attribute__((cleanup(wb_checked_deinit))) struct wb_checked

/*
 * `entry` as wb_entries_choose() takes it; NULL: the one that a plain reboot would boot. It changes nothing. Errors
 * of wb_entries_choose() and wb_check_run(), with a sentence.
 */
int wb_session_check(const struct wb_sys *sys, const struct wb_check_ops *ops, void *ctx,
	const char *entry, struct wb_checked *ret, struct wb_error *err);
