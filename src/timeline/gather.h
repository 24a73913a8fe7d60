/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the facts of the running boot, as root, once the boot has finished. */
#pragma once

#include "timeline/facts.h"

/*
 * The questions to systemd and its journal; an ops table, so that tests answer instead. Errors
 * without sentences.
 */
struct wb_sources {
	void *ctx;
	/* Fill in the times of this boot; unknown ones stay 0. */
	int (*user_times)(void *ctx, struct wb_user_times *ret);
	/* ActiveEnterTimestampMonotonic of each unit; 0 when it is not active. */
	int (*active_since)(void *ctx, const char *unit, uint64_t *ret_us);
	/* boot_id of the boot before `boot` in the journal. -ENOENT. */
	int (*previous_boot)(void *ctx, const char *boot, char ret[40]);
	/*
	 * CLOCK_REALTIME in microseconds at the zero of that boot's CLOCK_MONOTONIC, before later
	 * corrections.
	 */
	int (*began)(void *ctx, const char *boot, int64_t *ret_us);
	/*
	 * The events in the journal of that boot since `since_us` of its CLOCK_MONOTONIC, in order.
	 */
	int (*events)(void *ctx, const char *boot, int64_t since_us, struct wb_events *ret);
	/* Each start of a unit in this boot, in any order. */
	int (*starts)(void *ctx, struct wb_starts *ret);
	/* The units that this one is ordered after. */
	int (*after)(void *ctx, const char *unit, struct wb_strv *ret);
	/* Microseconds that the last start of the unit took, in this boot; 0: it has not started. */
	int (*start_took)(void *ctx, const char *unit, uint64_t *ret_us);
};

extern const struct wb_sources wb_sources_systemd;

/* Write the counter into the kernel's log, to relate the log's clock to it. */
int wb_log_tie(const struct wb_sys *sys);
/*
 * Read all facts. Those that cannot be read are left empty. -ENOMEM, or -ENOENT when even the id of
 * the boot is missing.
 */
int wb_facts_read(const struct wb_sys *sys, const struct wb_sources *sources, struct wb_facts *ret,
	struct wb_error *err);

/*
 * Record this boot in the history, unless it is there: wait until it is up, at most five minutes, then
 * read the facts. Drops the marks of earlier boots. Negative errno with a sentence.
 */
int wb_timeline_record(const struct wb_sys *sys, const struct wb_sources *sources,
	void (*pause)(unsigned ms), struct wb_error *err);
/* True also if the id of the running boot cannot be read. */
bool wb_timeline_is_of_this_boot(const struct wb_files *files, const struct wb_timeline *t);

/*
 * Keep only the shutdown: drop everything before the last time that multi-user.target stopped.
 * Pure.
 */
void wb_events_trim(struct wb_events *events);
