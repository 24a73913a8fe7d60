/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which parts of the machine must be there before a unit can be restored: mounts, addresses. All pure. */
#pragma once

#include "manifest/manifest.h"

/*
 * Does a mount of fstab(5) need a device besides the root's? Then files of services may be missing until udev
 * has found the device.
 */
bool wb_fstab_needs_udev(const char *fstab);
/*
 * Is a path in the file system of /run itself, and not in one that systemd or fstab(5) mounts below it? Only
 * that tmpfs is complete before any unit starts.
 */
bool wb_lies_on_run(const char *path, const char *fstab);
/*
 * Do files of the unit lie where a file system may have to be mounted first, as tmp.mount for /tmp? Not those in the
 * /tmp and /var/tmp that PrivateTmp= gives the unit.
 */
bool wb_needs_mounts(const struct wb_manifest_unit *u, const char *fstab);
/*
 * Does the unit use addresses that only the machine's own network setup brings? Also true for a unit with
 * `late`: it comes back after a unit that the first units of a boot cannot wait for.
 */
bool wb_needs_network(const struct wb_manifest *m, const struct wb_manifest_unit *u);
