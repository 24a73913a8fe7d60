/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Silence for connections while the process behind them is away. Between the freeze and the thaw the
 * kernel knows nothing of them: to what arrives it would answer with a reset, and the peer would give
 * up. What nobody answers is sent again.
 */
#pragma once

#include "keep/manifest.h"
#include "keep/runner.h"

enum wb_hold_kind {
	/*
	 * Units with how == "process": whatever goes to their connections and ports is dropped, and
	 * so is a reset or an end (FIN) that would leave one of their connections or ports.
	 */
	WB_HOLD_KEPT,
	/*
	 * The others: a new connection to one of their ports, and a datagram from another machine,
	 * waits until somebody listens again.
	 */
	WB_HOLD_RESTART,
	/* Kept units that still run: nobody comes anew, and all else goes on. WB_HOLD_KEPT replaces it. */
	WB_HOLD_NEWCOMERS,
};

/*
 * The ruleset for nft(8), which replaces an earlier one of the same kind at once. Its sets forget
 * their elements after `seconds`, by the kernel's own clock: so the hold ends even when every process
 * that should end it has died. *ret to be freed; NULL when there is nothing to hold. -ENOMEM. Pure.
 */
int wb_hold_ruleset(
	const struct wb_manifest *m, enum wb_hold_kind kind, unsigned seconds, char **ret);
/* The ruleset that ends it, whether it is there or not. */
const char *wb_hold_end_ruleset(enum wb_hold_kind kind);

/*
 * What takes one unit out of the hold: it is back, and others may need longer. What it shares with
 * another kept unit stays. Without `ports` its connections go on, and who comes anew still waits.
 * *ret to be freed; NULL: it had nothing in it. -ENOMEM. Pure.
 */
int wb_hold_release_ruleset(
	const struct wb_manifest *m, const struct wb_manifest_unit *u, bool ports, char **ret);
/* Do so. An element that is there no more (its time was over) is an error of nft's, and harmless. */
int wb_hold_release(const struct wb_runner *runner, const struct wb_manifest *m,
	const struct wb_manifest_unit *u, bool ports, struct wb_error *err);

/*
 * Does a service load a firewall in each boot? Then its rules, and not the thaw, decide when new
 * connections may come: warmboot-thawed.service is ordered after those services, by the same names.
 */
bool wb_hold_has_firewall(const struct wb_files *files);

/*
 * As wb_hold_apply(), for a manifest that changes: nft runs only where what is to be in force differs
 * from *held (NULL: nothing is), which is replaced and is the caller's to free. What is no longer in the
 * manifest is no longer held. On failure what was in force still is.
 */
int wb_hold_renew(const struct wb_runner *runner, const struct wb_manifest *m, unsigned seconds,
	char **held, struct wb_error *err);
/* Shut newcomers out, before all is held; wb_hold_end() of WB_HOLD_KEPT ends this, too. */
int wb_hold_newcomers(const struct wb_runner *runner, const struct wb_manifest *m, unsigned seconds,
	struct wb_error *err);
/* Put both rulesets into force, or end one. Errors are those of nft. */
int wb_hold_apply(const struct wb_runner *runner, const struct wb_manifest *m, unsigned seconds,
	struct wb_error *err);
int wb_hold_end(const struct wb_runner *runner, enum wb_hold_kind kind, struct wb_error *err);
