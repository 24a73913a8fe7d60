/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of the silence for units that were started anew, for each when it listens again. That a unit
 * is active says little: most services listen a while after that, and a connection that came between
 * would be refused.
 */
#pragma once

#include "keep/proc.h"
#include "keep/result.h"
#include "keep/runner.h"

/* Does somebody listen on each of the unit's TCP ports? Not when it has none. Pure. */
bool wb_unhold_listens(const struct wb_manifest_unit *u, const struct wb_sockets *sockets);

struct wb_unhold {
	const struct wb_files *files;
	const struct wb_runner *runner;
	void *ctx;
	void (*pause)(void *ctx, unsigned ms);
	bool replay; /* there is something that warmboot-replay.service may yet start */
	/* New connections reach a unit that was frozen and did not come back: its peers may be told. */
	void (*released)(void *ctx, const struct wb_manifest_unit *u);
};

/*
 * Take each unit that did not come back out of the hold when it listens; when it has run for 45 s
 * without, as one that listened on a port of the moment may never do so again; and in the end when nothing
 * will start it. Until the hold is over by the kernel's own clock, and not longer. Units that nothing in
 * the boot starts stay in the hold while the replay, which comes after, may start them: false then, and
 * their names in *left. When it has, for these alone (none: for all) the same once more.
 */
bool wb_unhold_run(const struct wb_unhold *host, const struct wb_manifest *m,
	const struct wb_result *result, struct wb_strv *left);
