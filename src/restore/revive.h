/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps of the next boot around the restore of each unit, in their order: modules
 * (warmboot-modules.service), packet hold and network (warmboot-hold.service), and the end after all restores
 * (warmboot-thawed.service).
 */
#pragma once

#include "restore/boot-units.h"
#include "manifest/result.h"
#include "manifest/unit-list.h"
#include "net/hold.h"
#include "store/store.h"

/* Names of the sandbox's namespaces in systemd's fd store, the mount namespace last. */
extern const char *const wb_anchor_names[];

/* Read WB_MANIFEST_COPY. -ENOENT: nothing was kept over the jump to this boot. */
int wb_revive_read(const struct wb_files *files, struct wb_manifest *ret, struct wb_error *err);
/*
 * Read the manifest from an attached store, check it against the store's nonce, and write WB_MANIFEST_COPY for
 * later parts of the boot.
 */
int wb_revive_open(const struct wb_sys *sys, const struct wb_store *store, struct wb_manifest *ret,
	struct wb_error *err);

/* Raise the kernel's last process number, so that no new process takes the number of a kept one. */
void wb_revive_raise_pids(
	const struct wb_files *files, const struct wb_runner *runner, const struct wb_manifest *m);

/*
 * Load the kernel modules that restores need, and let CRIU probe the kernel once, with wb_criu_probe(). Modules that
 * are built in or missing are skipped.
 */
void wb_revive_modules(const struct wb_sys *sys, const struct wb_runner *runner);
/* Names of all modules that the steps and restores need, for an initramfs that loads them early. -ENOMEM. */
int wb_revive_module_names(const struct wb_net *net, struct wb_strv *ret);

/* A network card that its driver finds later is left to the machine's own network setup. */
#define WB_LINK_SECONDS 10

/*
 * Hold packets for these units of the manifest, and only then bring the network up. If the hold fails, the
 * function fails, and nothing may be restored. If the network fails, *ret_warning has the sentence, and the
 * restore of each unit that lacks its address will fail by itself.
 */
int wb_revive_hold(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_manifest *m, const struct wb_unit_list *units, struct wb_hold_left left,
	unsigned link_seconds, struct wb_error *ret_warning, struct wb_error *err);

/*
 * All restores are over, whether they succeeded or not: release the connections, put every unit's own
 * definition in force again, start units that did not come back, and write the result. 0 if all of this was
 * possible, even if units did not come back.
 */
int wb_revive_finish(const struct wb_sys *sys, const struct wb_runner *runner,
	const struct wb_manifest *m, struct wb_error *err);
