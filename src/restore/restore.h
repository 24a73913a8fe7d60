/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The use cases of the boot after a jump, one for each of warmboot's own units. */
#pragma once

#include "replay/manager.h"
#include "restore/host.h"

/*
 * systemd's generator: find what was kept over the jump to this boot, and write the units that restore
 * it, below `early`, the directory that comes before every other definition. `program`: path of
 * warmboot. 0 also if nothing was kept, and in an initramfs, whose units nobody restores.
 */
int wb_restore_generate(const struct wb_restore_host *h, const char *program, const char *early,
	struct wb_error *err);

/*
 * The sandbox of a unit: hand its namespaces to systemd, which keeps them for the restore. The caller
 * runs in the sandbox.
 */
int wb_restore_anchor(const struct wb_restore_host *h, struct wb_error *err);
/*
 * Make what the unit needs before systemd starts its program again (keep/ways.h). Errors and *ret_warning as below.
 */
int wb_restore_prepare(const struct wb_restore_host *h, const char *unit,
	struct wb_error *ret_warning, struct wb_error *err);
/* The unit has ended, for good or before its next start: remove what was made for it. */
int wb_restore_forget(const struct wb_restore_host *h, const char *unit, struct wb_error *err);
/*
 * Restore one unit, in its control group: take it over from the early restore, or else restore its
 * processes into the namespaces that systemd stored. -ENOENT: it was not checkpointed; other errors as
 * those of wb_thaw(). *ret_warning: the unit's result was not written, or a child that stays passes some
 * of its output on. Neither is NULL.
 */
int wb_restore_unit(const struct wb_restore_host *h, const char *unit, struct wb_error *ret_warning,
	struct wb_error *err);

/*
 * Ask each service that has a probe until it has answered once in this boot, at most five minutes, and
 * mark the time of its answer. `tell` gets a sentence for each probe that cannot be asked, and for each
 * service without an answer. 0: all have answered; 1: some have not; negative errno with a sentence.
 */
int wb_restore_probe(const struct wb_restore_host *h,
	void (*tell)(void *arg, const struct wb_error *why), void *arg, struct wb_error *err);

/*
 * All restores are over: end the packet hold, start the units that are not back, and wipe the store,
 * which holds the services' memory, also if the rest has failed. Each of the two that fails leaves its
 * sentence; 0 if neither has.
 */
int wb_restore_finish(
	const struct wb_restore_host *h, struct wb_error *err, struct wb_error *ret_wipe);

/*
 * Start again what ran before the jump (wb_replay_start()), without the kept units that had ended by
 * themselves; then end the packet hold for the ports of units that only the replay starts.
 */
int wb_restore_replay(const struct wb_restore_host *h, struct wb_replay_host *replay, bool force,
	struct wb_results *ret, struct wb_error *err);
