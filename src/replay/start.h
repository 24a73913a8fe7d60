/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting the units of a plan, and waiting for the outcome of each. */
#pragma once

#include "replay/manager.h"

/*
 * In microseconds: the time of a unit, counted from the moment at which its own start can begin,
 * and the end for all.
 */
struct wb_start_limits {
	uint64_t unit, end;
};

/* A plan whose units are being started. */
struct wb_start;

/*
 * Ask for the units of a plan in its order, all at once as far as their dependencies allow. The
 * manager, `results` and the units that the plan borrows must outlive *ret; the plan need not.
 * Fails only when memory is out.
 */
int wb_start_begin(struct wb_manager *m, const struct wb_replay_plan *plan, int64_t uid,
	struct wb_start_limits limits, struct wb_results *results, struct wb_start **ret,
	struct wb_error *err);
/*
 * Wait, and record the outcome of each unit. 1: of all; 0: it is `until`. Fails only when the
 * manager does not answer any more, or memory is out.
 */
int wb_start_wait(struct wb_start *start, uint64_t until, struct wb_error *err);
void wb_start_free(struct wb_start *start);

static inline void wb_start_freep(struct wb_start **start)
{
	wb_start_free(*start);
}

#define WB_CLEAN_START __attribute__((cleanup(wb_start_freep))) struct wb_start *

/* Begin, and wait to the end. */
int wb_plan_start(struct wb_manager *m, const struct wb_replay_plan *plan, int64_t uid,
	struct wb_start_limits limits, struct wb_results *ret, struct wb_error *err);
