/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Before silence begins, what is on its way arrives. Two kinds of connections belong to no process, so
 * no checkpoint has them: one that a service has closed with data still to be sent, and one that waits
 * for its accept(2). The services run on meanwhile.
 */
#pragma once

#include "keep/manifest.h"

struct wb_settle {
	const struct wb_files *files;
	void *ctx;
	uint64_t (*mono_ns)(void *ctx);
	void (*pause)(void *ctx, unsigned ms);
	struct wb_strv given_up; /* connections that are waited for no longer */
};

/*
 * Wait for what kept services' ports have closed, and their peers have not confirmed, as the first look
 * finds it: who is busy always has some, of which these are the oldest. Returns how many are left.
 */
size_t wb_settle_closed(struct wb_settle *s, const struct wb_manifest *m);
/*
 * With newcomers shut out (wb_hold_newcomers()): wait until handshakes are over, services have accepted
 * who waits, and what was closed meanwhile is confirmed, too; as long as there is some progress, for 2 s
 * at most. Returns how many wait to be accepted.
 */
size_t wb_settle_accepts(struct wb_settle *s, const struct wb_manifest *m);
void wb_settle_deinit(struct wb_settle *s);
#define WB_CLEAN_SETTLE __attribute__((cleanup(wb_settle_deinit))) struct wb_settle
