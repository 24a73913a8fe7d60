/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open files on mounts outside of the process's mount namespace, such as a standard output that systemd opened
 * before it made the sandbox. The restore can open them only by name, and a service can forge the name, for
 * example with a mount that it then removes. So the name is checked against the machine's file.
 */
#pragma once

#include "proc/proc.h"
#include "sys/namespaces.h"
#include "systemd/definition.h"

/*
 * Does systemd open this path for the unit: /dev/null, or one of its Standard…=? `definition` NULL: not known.
 * Pure.
 */
bool wb_externals_may(const struct wb_unit_texts *definition, const char *path);
/*
 * Compare each descriptor's file with the one that process 1 finds by its name. If they are the same, the field
 * `machines` of the descriptor is set, and `identity` to the file's. A file that cannot be examined is not the same.
 * Only paths of wb_externals_may() are opened, since a look at any
 * other file may block.
 */
void wb_externals_find(struct wb_procs *procs, const struct wb_unit_texts *definition,
	const struct wb_ns_ops *machine);
