/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The drain: data and handshakes on the wire finish before the packet hold begins. Two kinds of
 * connections belong to no process, so no checkpoint holds them: one that a service has closed
 * while data is still to be sent, and one that waits for accept(2). The services run on meanwhile.
 */
#pragma once

#include "core/files.h"
#include "core/strv.h"
#include "net/ends.h"

struct wb_drain {
	const struct wb_files *files;
	void *ctx;
	uint64_t (*mono_ns)(void *ctx);        /* CLOCK_MONOTONIC */
	void (*pause)(void *ctx, unsigned ms); /* wait between two looks */
	uint64_t spent_ns;       /* by wb_drain_closed(), also by earlier ones for other units */
	struct wb_strv given_up; /* connections that are waited for no longer */
};

/*
 * Wait until the peers have confirmed the connections that these units' ports have closed. Only
 * those of the first look count, because a busy service closes new ones all the time. All calls together,
 * by s->spent_ns, wait for 2 s at most. Returns how many are left.
 */
size_t wb_drain_closed(struct wb_drain *s, const struct wb_ends_list *units);
/*
 * While new connections are held (wb_hold_newcomers()): wait until handshakes are over, services
 * have accepted all waiting connections, and closed ones are confirmed. Waits while there is
 * progress, at most 2 s. Returns how many connections still wait for accept(2).
 */
size_t wb_drain_accepts(struct wb_drain *s, const struct wb_ends_list *units);
void wb_drain_deinit(struct wb_drain *s);
#define WB_CLEAN_DRAIN __attribute__((cleanup(wb_drain_deinit))) struct wb_drain
