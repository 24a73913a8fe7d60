/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of systemd's units for mounts. */
#pragma once

#include <stdbool.h>

#include "core/mountinfo.h"
#include "core/strv.h"

/*
 * Names of the mount units (systemd.mount(5)) of the mounts that `wants` accepts; each name
 * once. A mount whose name would be longer than 255 bytes is left out: it has no
 * unit, or one with a hash in its name. Pure. -ENOMEM.
 */
int wb_mount_units(const struct wb_mounts *mounts, bool (*wants)(const struct wb_mount *mount),
	struct wb_strv *ret);
