/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records for the next boot: that a jump was asked for, and which units ran before it. */
#pragma once

#include "jump/record.h"
#include "session/host.h"

/* The contents of the files before. */
struct wb_jump_before {
	struct wb_blob jump, units;
	bool had_jump;
};

void wb_jump_before_deinit(struct wb_jump_before *before);
#define WB_CLEAN_JUMP_BEFORE __attribute__((cleanup(wb_jump_before_deinit))) struct wb_jump_before

/*
 * Record the jump with the checks that were overridden and, under systemd, the units that run now. A read-only /var is a warning.
 * Another failure, such as a full disk, restores the old records.
 */
int wb_jump_record(const struct wb_session_host *h, const struct wb_strv *forced,
	struct wb_jump_before *ret, struct wb_error *err);
/* Restore the old records, because the jump was refused before anything was stopped. */
void wb_jump_unrecord(const struct wb_session_host *h, const struct wb_jump_before *before);
/*
 * Record a jump that another program asked for, if possible, so that the next boot knows whether it
 * came from that jump. Does nothing after wb_jump_record().
 */
void wb_jump_record_others(const struct wb_sys *sys);
/* Has a session of warmboot, or wb_jump_record_others(), recorded the shutdown that is under way? */
bool wb_jump_is_recorded(const struct wb_sys *sys);
