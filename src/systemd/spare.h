/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Drop-ins below /run that let kept units run on while systemd stops everything else, until
 * warmboot-freeze.service takes their processes at the end. A unit file may itself conflict with
 * umount.target or shutdown.target. A drop-in cannot remove that, so the whole unit file is replaced.
 */
#pragma once

#include "core/error.h"
#include "core/strv.h"
#include "sys/runner.h"
#include "sys/sys.h"

/*
 * systemd reads drop-ins of all directories in the order of their names, and the last one wins
 * (systemd.unit(5)). This name sorts last, also after the drop-ins of "systemctl edit".
 */
#define WB_SPARE_NAME "zzzz-warmboot.conf"

/*
 * While this file exists, systemd does not start an exempt service. The processes of the service are
 * in the store, and a second instance would change the files that they use after the restore. A bus
 * name, Upholds= or a path unit could ask for one.
 */
#define WB_SPARE_FROZEN "/run/warmboot/frozen"

/* The first line of unit files below /run that are for one jump only. */
#define WB_JUMP_MARK "# Written by warmboot for the time of a jump.\n"
bool wb_has_jump_mark(const char *text);

/*
 * Add a unit to a list of units to exempt, and the slices that it is in, because stopping a slice
 * stops its units. cgroup: the control group of the unit; NULL: it has none. Pure. -ENOMEM.
 */
int wb_spare_add(struct wb_strv *units, const char *unit, const char *cgroup);
/*
 * Add the mount unit of every tmpfs, and of the network namespaces and roots of containers, that a shutdown would
 * unmount before the freeze, which needs them. If mounts cannot be read, none is added. -ENOMEM.
 */
int wb_spare_add_mounts(const struct wb_files *files, struct wb_strv *units);
/*
 * Copy a unit file without its Conflicts=, to be freed; "": it has none. Pure. NULL: out of memory.
 */
char *wb_spare_text(const char *fragment);
/*
 * Write the drop-ins for these units and make systemd read them. `idle`: those of the units in which
 * nothing runs, and which are only not to be stopped. `shutdown`: the other services run through a
 * shutdown, and systemd must not kill their processes when it stops them. On failure no drop-in is left. -EIO with the message of systemctl, and errors of sys->write_file().
 */
int wb_spare_units(const struct wb_sys *sys, const struct wb_runner *runner,
	const struct wb_strv *units, const struct wb_strv *idle, bool shutdown,
	struct wb_error *err);
/*
 * Remove all drop-ins of warmboot, also those of other processes. Returns whether there were any.
 * Errors are ignored.
 */
bool wb_spare_sweep(const struct wb_sys *sys, const struct wb_runner *runner);
/* Remove the drop-ins, because the jump is cancelled. Errors are ignored. */
void wb_spare_undo(
	const struct wb_sys *sys, const struct wb_runner *runner, const struct wb_strv *units);
