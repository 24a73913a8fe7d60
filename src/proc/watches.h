/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of watched files. */
#pragma once

#include "proc/proc.h"
#include "sys/namespaces.h"

/*
 * Find the names of files that the processes of a unit watch on a tmpfs, by their file handles; only root can.
 * `unit`: the owner of the processes; its pid is ignored. A watch stays without a name if the file is not
 * found, the process is gone, or its namespaces must not be entered. -ENOMEM.
 */
int wb_watches_find(
	struct wb_procs *procs, const struct wb_ns_ops *namespaces, const struct wb_ns_whose *unit);
