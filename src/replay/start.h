/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replay/manager.h"

/* How long, in microseconds, counted from when a unit's own start can begin, and in all. */
struct wb_start_limits {
	uint64_t unit, total;
};

/*
 * Start the units of a plan in its order, all at once as far as their dependencies let them, and
 * put down for each what came of it. Only when the manager is not heard any more, or memory is out,
 * does it fail.
 */
int wb_plan_start(struct wb_manager *m, const struct wb_replay_plan *plan, int64_t uid,
	struct wb_start_limits limits, struct wb_results *ret, struct wb_error *err);
