/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What threads have of their own that CRIU does not know of, so that what it restores has the restorer's:
 * the CPUs that they may run on (sched_setaffinity(2), CPUAffinity=), their priority for disks
 * (ioprio_set(2), IOSchedulingClass=) and the slack of their timers (PR_SET_TIMERSLACK, TimerSlackNSec=).
 */
#pragma once

#include "keep/manifest.h"

/*
 * Of a unit's processes, in u->pids, that stand still: which threads have not all CPUs that its cgroup
 * has, into u->affinity, and not the usual values, into u->io_priorities and u->timer_slacks, whatever
 * was in there. What cannot be told is left out.
 */
void wb_threads_note(const struct wb_files *files, struct wb_manifest_unit *u);

/* The caller may run on every CPU, and so may who it makes. */
void wb_threads_reset(void);
/*
 * The threads that were noted get their values back, and their CPUs as far as these are there; who has
 * none of its own left runs on any.
 */
void wb_threads_restore(const struct wb_manifest_unit *u);
