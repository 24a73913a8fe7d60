// SPDX-License-Identifier: LGPL-2.1-or-later
/* The replay in the new boot, and the end of the packet hold for the units that it starts. */
#include "manifest/result.h"
#include "restore/hold.h"
#include "restore/restore.h"

int wb_restore_replay(const struct wb_restore_host *h, struct wb_replay_host *replay, bool force,
	struct wb_results *ret, struct wb_error *err)
{
	WB_CLEAN_STRV ended = {};
	int r;

	if (wb_result_ended(h->sys->files, &ended) < 0)
		return wb_oom(err);
	replay->ended = &ended;
	r = wb_replay_start(replay, force, ret, err);
	replay->ended = NULL;
	/* Ports of units that nothing else in the boot starts are closed until now. */
	wb_restore_hold_end(h, true, NULL);
	return r;
}
