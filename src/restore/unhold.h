/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of the packet hold for units that are started in the ordinary way: each is released when it listens
 * again. The state "active" is not enough: most services listen only a while later, and a connection in
 * between would be refused.
 */
#pragma once

#include "manifest/result.h"
#include "proc/proc.h"
#include "sys/runner.h"

/* Is there a listener on each of the unit's TCP ports? False if it has none. Pure. */
bool wb_unhold_listens(const struct wb_manifest_unit *u, const struct wb_sockets *sockets);

struct wb_unhold {
	const struct wb_files *files;
	const struct wb_runner *runner;
	void *ctx;
	/* Wait for so long between two looks at the units. */
	void (*pause)(void *ctx, unsigned ms);
	uint64_t (*mono_ns)(void *ctx); /* CLOCK_MONOTONIC in nanoseconds */
	unsigned left_s;                /* seconds left of the packet hold (net/silence.h) */
	bool replay;                    /* warmboot-replay.service may still start units */
	/* A unit that was checkpointed and did not come back is released: its peers may be told. */
	void (*released)(void *ctx, const struct wb_manifest_unit *u);
};

/*
 * Release each unit that did not come back when it listens, or after it has run for 45 s without listening (a
 * temporary port may never be listened on again), or at the end when nothing will start it. Returns when the
 * kernel's own clock has ended the hold, at the latest. Units that only the replay may still start stay held:
 * then the result is false, and *left has their names. Call it again after the replay, for the units in *left
 * (none: all).
 */
bool wb_unhold_run(const struct wb_unhold *host, const struct wb_manifest *m,
	const struct wb_result *result, struct wb_strv *left);
