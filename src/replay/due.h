/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record and the outcome of a replay, as this boot finds them. */
#pragma once

#include "replay/manager.h"

/*
 * The replay's sentence for a user whose units could not be started. The comparison does not repeat
 * it. To be freed; NULL: out of memory.
 */
char *wb_not_started_again(uint32_t uid, const char *why);

/* Is the record for this boot? *ret_why as in wb_replay_due(). -ENOMEM. */
int wb_check_due(const struct wb_files *files, const struct wb_units *units,
	struct wb_traces *ret_traces, const char **ret_why, struct wb_error *err);
/*
 * Change the record so that the units in host->ended did not run when the jump was made. -ENOMEM.
 */
int wb_leave_ended(const struct wb_replay_host *host, struct wb_units *units, struct wb_error *err);
/* Write the results to WB_REPLAY_PATH. -ENOSPC, -EROFS, … */
int wb_results_write(
	const struct wb_sys *sys, const struct wb_results *results, struct wb_error *err);
/* Read the results of a replay in this boot; none if there was no replay. */
void wb_results_read(const struct wb_files *files, const char *boot_id, struct wb_results *ret);
