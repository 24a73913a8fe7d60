/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The packet hold drops packets of connections whose process is stopped. Between the freeze and the
 * restore the kernel does not know these connections: it would answer a packet with a reset, and
 * the peer would give up. A peer that gets no answer sends the packet again.
 */
#pragma once

#include "core/error.h"
#include "core/files.h"
#include "net/ends.h"
#include "sys/runner.h"

enum wb_hold_kind {
	/*
	 * For units that were checkpointed: drop every packet to their connections and ports, and
	 * every reset or FIN from them.
	 */
	WB_HOLD_KEPT,
	/*
	 * For units that are restarted: drop packets that open a connection to one of their ports,
	 * and datagrams from other machines, until the service listens again.
	 */
	WB_HOLD_RESTART,
	/*
	 * For kept units that still run: drop only packets that open a connection. It is in force beside
	 * WB_HOLD_KEPT of other units, and the next ruleset of that kind ends it.
	 */
	WB_HOLD_NEWCOMERS,
};

/* The ends to hold, by the kind of hold. The ends are borrowed. */
struct wb_held {
	struct wb_ends_list kept, restart;
};

void wb_held_deinit(struct wb_held *held);
#define WB_CLEAN_HELD __attribute__((cleanup(wb_held_deinit))) struct wb_held
/* For each kind, how many seconds it may still be held (net/silence.h); 0: none. */
struct wb_hold_left {
	unsigned kept, restart;
};

/*
 * The ruleset for nft(8) that holds these units, all of one kind. It replaces an earlier ruleset of
 * that kind in one step. Its sets drop their elements after `seconds` by the kernel's own clock, so
 * the hold ends even if every process that should end it has died. *ret is to be freed; NULL: there
 * is nothing to hold, or no time left. -ENOMEM. Pure.
 */
int wb_hold_ruleset(
	const struct wb_ends_list *units, enum wb_hold_kind kind, unsigned seconds, char **ret);
/* The ruleset that ends a hold, whether there is one or not. */
const char *wb_hold_end_ruleset(enum wb_hold_kind kind);

/*
 * The ruleset that releases one unit from the hold of `kept`: it is restored, and other units may
 * need longer. A port that it shares with another unit of `kept` stays held. Without `ports`, its
 * connections go on, and new ones still wait. *ret is to be freed; NULL: the hold has nothing of
 * this unit. -ENOMEM. Pure.
 */
int wb_hold_release_ruleset(
	const struct wb_ends_list *kept, const struct wb_net_ends *u, bool ports, char **ret);
/* Put that ruleset into force. nft fails, without harm, if an element has timed out. */
int wb_hold_release(const struct wb_runner *runner, const struct wb_ends_list *kept,
	const struct wb_net_ends *u, bool ports, struct wb_error *err);

/*
 * Does a service load a firewall in each boot? Then its rules, and not the restore, decide when new
 * connections may come: warmboot-thawed.service is ordered after those services, by the same names.
 */
bool wb_hold_has_firewall(const struct wb_files *files);

/*
 * As wb_hold_apply(), for units that change. nft runs only if the ruleset for `held` differs from
 * *in_force, the ruleset in force (NULL: none). The new ruleset replaces *in_force, and the caller
 * frees it. Ends that are no longer in `held` are released. On failure the old ruleset stays in force.
 */
int wb_hold_renew(const struct wb_runner *runner, const struct wb_held *held,
	struct wb_hold_left left, char **in_force, struct wb_error *err);
/*
 * Hold new connections, ahead of the hold of all packets. wb_hold_end() of WB_HOLD_KEPT ends this,
 * too.
 */
int wb_hold_newcomers(const struct wb_runner *runner, const struct wb_ends_list *kept,
	unsigned seconds, struct wb_error *err);
/*
 * Put the rulesets of both kinds into force, or end those that have no time left; or end one kind.
 * Errors of nft.
 */
int wb_hold_apply(const struct wb_runner *runner, const struct wb_held *held,
	struct wb_hold_left left, struct wb_error *err);
int wb_hold_end(const struct wb_runner *runner, enum wb_hold_kind kind, struct wb_error *err);
