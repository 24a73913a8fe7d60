/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPUs that a unit's threads may run on, where they or CPUAffinity= chose some (sched_setaffinity(2)):
 * CRIU does not know of it, and what it restores has the CPUs of the restorer.
 */
#pragma once

#include "keep/manifest.h"

/*
 * Of a unit's processes, in u->pids, that stand still: which threads have not all CPUs that its cgroup
 * has, into u->affinity, whatever was in there. What cannot be told is left out.
 */
void wb_affinity_note(const struct wb_files *files, struct wb_manifest_unit *u);

/* The caller may run on every CPU, and so may who it makes. */
void wb_affinity_reset(void);
/*
 * The threads that were noted get their CPUs back, as far as these are there; who has none of its own
 * left runs on any.
 */
void wb_affinity_restore(const struct wb_manifest_unit *u);
