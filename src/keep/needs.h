/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of the machine has to be there before a unit can be thawed. All pure. */
#pragma once

#include "keep/manifest.h"

/*
 * Does mounting what fstab(5) says need a device besides the root's? Then services' files may not be
 * there before udev has found it.
 */
bool wb_fstab_needs_udev(const char *fstab);
/* Files are put back where a file system may be mounted first: /tmp by tmp.mount. */
bool wb_needs_tmp(const struct wb_manifest_unit *u);
/*
 * It uses addresses that only the machine's own network setup can bring. Or it is late: what it comes
 * back after waits for the first units of a boot, and none of these can wait for it.
 */
bool wb_needs_network(const struct wb_manifest *m, const struct wb_manifest_unit *u);
