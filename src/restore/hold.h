/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The packet hold in the new boot, as warmboot-modules.service, warmboot-hold.service and
 * warmboot-unhold.service call it: begin it, put it back after a firewall's flush, and end it.
 */
#pragma once

#include "restore/host.h"

/* Load the modules that CRIU needs, unless the early restore has done so. */
void wb_restore_modules(const struct wb_restore_host *h);
/*
 * Hold the units that the early restore has not brought back, then set up the network. A network that
 * is not complete is a warning, because the restore of a unit whose address is missing fails for
 * itself. 0 also if the early restore has done all of it.
 */
int wb_restore_hold(
	const struct wb_restore_host *h, struct wb_error *ret_warning, struct wb_error *err);
/*
 * After a firewall, whose rules begin with a flush: hold again the units that are not back yet, or do
 * not listen yet.
 */
int wb_restore_hold_again(const struct wb_restore_host *h, struct wb_error *err);
/*
 * End the hold for restarted units, for each when it listens (wb_unhold_run()). `replayed`: the replay
 * has started its units. 0 also if nothing is held.
 */
int wb_restore_hold_end(const struct wb_restore_host *h, bool replayed, struct wb_error *err);
