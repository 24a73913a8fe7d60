/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which units the time of user space went to, and the chain of them that the default target waited for. */
#pragma once

#include "timeline/gather.h"

/*
 * Read the starts of this boot, and the critical chain to the default target as systemd-analyze(1) finds it:
 * from the target on, the unit that came up last among those that one is ordered after. Both stay empty if
 * systemd does not answer. -ENOMEM.
 */
int wb_starts_read(const struct wb_sources *sources, const struct wb_user_times *user,
	struct wb_starts *ret, struct wb_starts *ret_chain);
/* Put both on the line, with CLOCK_MONOTONIC's zero at `zero`. Pure. -ENOMEM. */
int wb_starts_place(const struct wb_facts *f, double zero, struct wb_timeline *t);
