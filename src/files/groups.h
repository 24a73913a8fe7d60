/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control groups that a unit with Delegate= has made below its own (cgroups(7), Documentation/admin-guide/cgroup-v2.rst):
 * their names and owners, what is set in them, and which process is in which.
 */
#pragma once

#include "core/files.h"
#include "manifest/manifest.h"

/*
 * Note the groups below u->cgroup in u->groups, each after the one above it; the first one is the unit's own. Earlier
 * contents are replaced. A unit without further ones has none. -EOPNOTSUPP with a sentence: there is something that
 * would not be the same again. -ENOMEM.
 */
int wb_groups_note(const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err);
/*
 * Before the restore: make the groups, and move the caller into the one that systemd uses for commands of such a unit,
 * since processes may be at the ends of the tree only. Its restored tasks begin there as well. The caller is somewhere
 * in the unit's group. `top` is the directory of the unit's group; -1: it is opened. Without groups, nothing is done.
 */
int wb_groups_make(const struct wb_manifest_unit *u, int top, struct wb_error *err);
/* Before the tasks run: move each into its group, then set the limits. */
int wb_groups_fill(const struct wb_manifest_unit *u, int top, struct wb_error *err);
