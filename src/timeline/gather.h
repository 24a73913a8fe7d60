/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Read the facts of the running boot: once it is up, as root. */
#pragma once

#include "timeline/facts.h"

/* What is asked of systemd; an ops table, so that tests answer instead. Errors without sentences. */
struct wb_sources {
	void *ctx;
	int (*user_times)(void *ctx, struct wb_user_times *ret);
	/* ActiveEnterTimestampMonotonic of each unit; 0 when it is not active. */
	int (*active_since)(void *ctx, const char *unit, uint64_t *ret_us);
	/* boot_id of the boot before `boot` in the journal. -ENOENT. */
	int (*previous_boot)(void *ctx, const char *boot, char ret[40]);
	/* What the journal of that boot holds since `since_us` of its CLOCK_MONOTONIC, in order. */
	int (*events)(void *ctx, const char *boot, int64_t since_us, struct wb_events *ret);
};

extern const struct wb_sources wb_sources_systemd;

/* Leave the counter in the kernel's log, so that its clock can be tied to it. */
int wb_log_tie(const struct wb_sys *sys);
/*
 * Everything but what cannot be read, which is left empty. -ENOMEM, or -ENOENT when not even the
 * boot's id is there.
 */
int wb_facts_read(const struct wb_sys *sys, const struct wb_sources *sources, struct wb_facts *ret,
	struct wb_error *err);

/* Only the shutdown: what came before the last time that multi-user.target stopped goes. Pure. */
void wb_events_trim(struct wb_events *events);
