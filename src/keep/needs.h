/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of the machine has to be there before a unit can be thawed. All pure. */
#pragma once

#include "keep/manifest.h"

/*
 * Does mounting what fstab(5) says need a device besides the root's? Then services' files may not be
 * there before udev has found it.
 */
bool wb_fstab_needs_udev(const char *fstab);
/*
 * Is a path in /run's own file system, and not in one that systemd or fstab(5) mounts upon it? That is the
 * one tmpfs of which all is there before any unit.
 */
bool wb_lies_on_run(const char *path, const char *fstab);
/* Files are put back where a file system may have to be mounted first: in /tmp, by tmp.mount. */
bool wb_needs_mounts(const struct wb_manifest_unit *u, const char *fstab);
/*
 * It uses addresses that only the machine's own network setup can bring. Or it is late: what it comes
 * back after waits for the first units of a boot, and none of these can wait for it.
 */
bool wb_needs_network(const struct wb_manifest *m, const struct wb_manifest_unit *u);
