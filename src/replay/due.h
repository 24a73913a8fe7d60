/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this boot finds of the record, and of a replay of it. */
#pragma once

#include "replay/manager.h"

/* Is the record for this boot? *ret_why as of wb_replay_due(). -ENOMEM. */
int wb_check_due(const struct wb_files *files, const struct wb_units *units,
	struct wb_traces *ret_traces, const char **ret_why, struct wb_error *err);
/* Of host->ended the record then says that they did not run when the jump was made. -ENOMEM. */
int wb_leave_ended(const struct wb_replay_host *host, struct wb_units *units, struct wb_error *err);
/* Put down in WB_REPLAY_PATH. -ENOSPC, -EROFS, … */
int wb_results_write(
	const struct wb_sys *sys, const struct wb_results *results, struct wb_error *err);
/* What a replay in this boot left there; nothing if there was none. */
void wb_results_read(const struct wb_files *files, const char *boot_id, struct wb_results *ret);
