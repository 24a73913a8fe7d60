/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mounts by the names of systemd's units for them. */
#pragma once

#include <stdbool.h>

#include "core/strv.h"

/*
 * Names of the mount units (systemd.mount(5)) of what `wants` picks, by the type and the mount point
 * of each line of a mountinfo text (proc_pid_mountinfo(5), the point as it is written there); each once.
 * Pure. -ENOMEM.
 */
int wb_mount_units(const char *mountinfo, bool (*wants)(const char *type, const char *point),
	struct wb_strv *ret);
