/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replay/manager.h"

/* In microseconds: how long, counted from when a unit's own start can begin, and until when at most. */
struct wb_start_limits {
	uint64_t unit, end;
};

/* A plan that is being carried out. */
struct wb_start;

/*
 * Have the units of a plan started in its order, all at once as far as their dependencies let them.
 * The manager, `results` and the units that the plan borrows must outlive *ret; the plan need not.
 * Only when memory is out does it fail.
 */
int wb_start_begin(struct wb_manager *m, const struct wb_replay_plan *plan, int64_t uid,
	struct wb_start_limits limits, struct wb_results *results, struct wb_start **ret,
	struct wb_error *err);
/*
 * Wait, and put down for each unit what came of it. 1: for all; 0: it is `until`. Only when the
 * manager is not heard any more, or memory is out, does it fail.
 */
int wb_start_wait(struct wb_start *start, uint64_t until, struct wb_error *err);
void wb_start_free(struct wb_start *start);

static inline void wb_start_freep(struct wb_start **start)
{
	wb_start_free(*start);
}

#define WB_CLEAN_START __attribute__((cleanup(wb_start_freep))) struct wb_start *

/* Both, to the end. */
int wb_plan_start(struct wb_manager *m, const struct wb_replay_plan *plan, int64_t uid,
	struct wb_start_limits limits, struct wb_results *ret, struct wb_error *err);
