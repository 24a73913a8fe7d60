/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The preflight of a boot entry: may this machine jump to its kernel now? */
#pragma once

#include "guard/check.h"
#include "session/host.h"
#include "session/request.h"

struct wb_checked {
	char *entry, *kernel, *release; /* of the next kernel; release "" if it is not known */
	struct wb_findings findings;
};

void wb_checked_deinit(struct wb_checked *checked);
#define WB_CLEAN_CHECKED __attribute__((cleanup(wb_checked_deinit))) struct wb_checked

/*
 * The preflight of a jump. req NULL: it is not known which kernel is staged, and only the machine is looked at. A
 * warning is told. Something severe is -EPERM with a sentence, unless its check is among the n `force`; then it is
 * a warning, and the check is added to *ret_forced. skip: ids of checks that the session makes itself, ended by NULL.
 */
int wb_check_jump(const struct wb_session_host *h, const struct wb_request *req,
	const char *const *skip, const char *const *force, size_t n, struct wb_strv *ret_forced,
	struct wb_error *err);
/*
 * `entry` as wb_entries_choose() takes it; NULL: the one that a plain reboot would boot. It changes nothing. Errors
 * of wb_entries_choose() and wb_check_run(), with a sentence.
 */
int wb_session_check(const struct wb_sys *sys, const struct wb_check_ops *ops, void *ctx,
	const char *entry, struct wb_checked *ret, struct wb_error *err);
