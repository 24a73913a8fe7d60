/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The new boot, in the order of its units: modules and hold and network (warmboot-modules.service,
 * warmboot-hold.service), the thaw of each unit under its own name, and the end of it all
 * (warmboot-thawed.service).
 */
#pragma once

#include "keep/generator.h"
#include "keep/hold.h"
#include "keep/result.h"
#include "store/store.h"

/* The kernel forgets the hold after so long; a boot that needs longer has lost its peers anyway. */
#define WB_HOLD_SECONDS 120
/* The names under which the anchor's namespaces lie in systemd's fd store, mount last. */
extern const char *const wb_anchor_names[];

/* The copy that the generator left. -ENOENT: nothing was kept over the jump to this boot. */
int wb_revive_read(const struct wb_files *files, struct wb_manifest *ret, struct wb_error *err);
/*
 * The manifest in a store that has been attached, checked against the store's nonce, and a copy of it
 * for those who run later.
 */
int wb_revive_open(const struct wb_sys *sys, const struct wb_store *store, struct wb_manifest *ret,
	struct wb_error *err);

/* No new process may take a number that a kept one had. */
void wb_revive_raise_pids(
	const struct wb_files *files, const struct wb_runner *runner, const struct wb_manifest *m);

/* Modules that CRIU asks the kernel for; what is built in or not there is passed over. */
void wb_revive_modules(const struct wb_files *files, const struct wb_runner *runner);
/* All that will be asked for, by name, for who can load them in time. -ENOMEM. */
int wb_revive_module_names(const struct wb_net *net, struct wb_strv *ret);

/* A card whose driver finds it later than this is left to the machine's own network setup. */
#define WB_LINK_SECONDS 10

/*
 * Silence first, and only then the network. A failure of the first is one of the whole (and nothing
 * must be thawed); one of the second leaves its sentence in *ret_warning, and thaws whose address is
 * missing will say so themselves.
 */
int wb_revive_hold(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_manifest *m, unsigned link_seconds, struct wb_error *ret_warning,
	struct wb_error *err);

/*
 * Put the unit's files back, as they are seen from its mount namespace (an fd; -1: the caller's own);
 * what is read-only there, from outside. Files that are there are replaced.
 */
int wb_revive_files(const struct wb_store *store, const struct wb_manifest_unit *u, int mount_ns,
	struct wb_error *err);

/*
 * All thaws are over, well or not: let the connections go on, make every unit its own again, start
 * those that did not come back, and write down how it went. Returns 0 when all of this could be
 * done, whatever became of the units.
 */
int wb_revive_finish(const struct wb_sys *sys, const struct wb_runner *runner,
	const struct wb_manifest *m, struct wb_error *err);
