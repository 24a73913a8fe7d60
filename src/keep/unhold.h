/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of the silence for units that were started anew. That a unit is active says little: most
 * services listen a while after that, and a connection that came between would be refused.
 */
#pragma once

#include "keep/proc.h"
#include "keep/result.h"
#include "keep/runner.h"

/* Does somebody listen on each of the unit's TCP ports? Pure. */
bool wb_unhold_listens(const struct wb_manifest_unit *u, const struct wb_sockets *sockets);

/*
 * Wait until units that did not come back listen again, for `seconds` at most: one that listened on a
 * port of the moment may never do so again. Whoever is not active is not waited for.
 */
void wb_unhold_wait(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_manifest *m, const struct wb_result *result, unsigned seconds);
