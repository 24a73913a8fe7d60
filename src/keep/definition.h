/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a unit as it was defined, the unit under whose name its processes come back: the same mounts,
 * cgroup, limits of the cgroup and log, another start, and no dependency that would make it wait.
 * Pure.
 */
#pragma once

#include "keep/manifest.h"

struct wb_definition_wishes {
	const char *program; /* path of warmboot, for the start */
	/*
	 * Start before udev looks for devices, so that the restore has the CPUs for itself. Not
	 * where a file system other than the root has to be mounted first: it waits for udev.
	 */
	bool before_coldplug;
	bool wait_network;   /* an address of its own comes only with the machine's network setup */
	unsigned deadline_s; /* of the thaw */
};

/*
 * The text of the replacement; to be freed. It is written under the unit's own name, so specifiers
 * mean what they meant. -EOPNOTSUPP with a sentence: a setting under which no process can be put
 * back in this way; -ENOMEM.
 */
int wb_definition_replace(const struct wb_manifest_unit *u,
	const struct wb_definition_wishes *wishes, char **ret, struct wb_error *err);

/*
 * A setting for which systemd has to do something before the processes can come back, besides what
 * shows in their namespaces: make a directory in /run, mount, limit devices. NULL: there is none.
 */
const char *wb_definition_asks(const struct wb_manifest_unit *u);
/* Does it have a limit or a guarantee of memory of its own (MemoryMax= and its like)? Pure. */
bool wb_definition_limits_memory(const struct wb_manifest_unit *u);
/* Does systemd start it again when it has ended by itself, with success or not (Restart=)? Pure. */
bool wb_definition_restarts(const struct wb_manifest_unit *u, bool failed);

/*
 * The first of `after`, all that systemd starts the unit after, that neither its definition names nor
 * systemd adds by itself: another unit says so of itself, and may wait for anything. *ret borrowed from
 * `after`, NULL: there is none. -ENOMEM.
 */
int wb_definition_late(
	const struct wb_manifest_unit *u, const struct wb_strv *after, const char **ret);

/*
 * Directories of drop-ins that systemd reads for a unit of this name, most particular first, without
 * the directories above: "a-b@c.service.d", "a-b@.service.d", "a-@c.service.d", …, "service.d". -ENOMEM.
 */
int wb_definition_dropin_dirs(const char *unit, struct wb_strv *ret);
