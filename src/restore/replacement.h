/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The replacement of a kept unit: a unit file, made from the unit's definition, that restores the processes
 * under the unit's name. Mounts, cgroup with its limits, and log are the same. The start is another one, and
 * dependencies that would make it wait are gone. Pure.
 */
#pragma once

#include "manifest/manifest.h"

struct wb_replacement_wishes {
	const char *program; /* path of warmboot, for the start */
	/*
	 * Start before udev looks for devices, so that the restore has the CPUs for itself. False if a file
	 * system besides the root must be mounted first, which waits for udev.
	 */
	bool before_coldplug;
	bool root_writable; /* already; otherwise it waits until systemd has made the root writable */
	bool wait_network; /* an address of the unit comes only with the machine's network setup */
	unsigned deadline_s; /* of the restore */
};

/*
 * The text of the replacement; to be freed. The file gets the unit's own name, so specifiers keep their
 * meaning. -EOPNOTSUPP with a sentence: a setting prevents a restore under a replacement. -ENOMEM.
 */
int wb_replacement_text(const struct wb_manifest_unit *u,
	const struct wb_replacement_wishes *wishes, char **ret, struct wb_error *err);
/*
 * The text of a drop-in for a unit whose program was started anew; to be freed. When the unit ends, in this boot, what was
 * made for it is removed. -ENOMEM.
 */
int wb_replacement_drop_in(const char *unit, const char *program, char **ret);
