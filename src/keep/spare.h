/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kept units go on while systemd stops everything else: a drop-in below /run takes them out of
 * shutdown.target's way, until warmboot-freeze.service takes their processes last of all. A mount's unit
 * file may itself tell of umount.target, which no drop-in takes back: another in its place does not.
 */
#pragma once

#include "core/error.h"
#include "core/strv.h"
#include "keep/manifest.h"
#include "sys/sys.h"

/*
 * systemd reads drop-ins in the order of their names, whatever directory they lie in, and the last one wins
 * (systemd.unit(5)): it has to be this one, also over what "systemctl edit" writes.
 */
#define WB_SPARE_NAME "zzzz-warmboot.conf"

/*
 * While it is there nobody starts a spared service: its processes are in the store, and a second instance
 * would work on the files that they find again. A bus name, Upholds= or a path may ask for one.
 */
#define WB_SPARE_FROZEN "/run/warmboot/frozen"

/*
 * Add a unit to a list of those to spare, and with it the slices that it is in: a slice that is stopped
 * stops what it holds. Pure. -ENOMEM.
 */
int wb_spare_add(struct wb_strv *units, const struct wb_manifest_unit *u);
/*
 * Add the mount units of every tmpfs that a shutdown unmounts before the freeze, which takes files from
 * there. What cannot be read has none. -ENOMEM.
 */
int wb_spare_add_mounts(const struct wb_files *files, struct wb_strv *units);
/* A mount's unit file without its Conflicts=, to be freed; "": it has none. Pure. NULL: out of memory. */
char *wb_spare_mount_text(const char *fragment);
/*
 * Write the drop-ins for these units and have systemd read them. `shutdown`: they go through one, and what
 * it stops must leave their processes. On failure none is left. -EIO with what systemctl said, and what
 * sys->write_file() answers.
 */
int wb_spare_units(
	const struct wb_sys *sys, const struct wb_strv *units, bool shutdown, struct wb_error *err);
/* All that there are, whoever wrote them; were there any? Whatever fails is passed over. */
bool wb_spare_sweep(const struct wb_sys *sys);
/* Take them away again: the jump is not made. Whatever fails is passed over. */
void wb_spare_undo(const struct wb_sys *sys, const struct wb_strv *units);
