/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Properties of threads that CRIU neither saves nor restores, so that restored threads would have those of the
 * restorer: the CPUs that they may run on (sched_setaffinity(2), CPUAffinity=), their I/O priority
 * (ioprio_set(2), IOSchedulingClass=) and the slack of their timers (PR_SET_TIMERSLACK, TimerSlackNSec=).
 */
#pragma once

#include "manifest/manifest.h"

/* The highest number of the threads of all processes in u->pids; 0: there are none. */
int64_t wb_threads_highest(const struct wb_files *files, const struct wb_manifest_unit *u);

/*
 * Note these properties of the processes in u->pids, which stand still. Threads that lack a CPU of their
 * cgroup go to u->affinity, those with unusual values to u->io_priorities and u->timer_slacks; earlier
 * contents are replaced. Values that cannot be read are left out. -E2BIG with a sentence: too many threads have
 * values of their own, or too many different ones. -ENOMEM.
 */
int wb_threads_note(const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err);

/* Let the caller, and processes that it makes, run on every CPU. */
void wb_threads_reset(void);
/*
 * Give the noted threads their values again, and their CPUs as far as these exist. A thread none of whose CPUs
 * exists runs on all.
 */
void wb_threads_restore(const struct wb_manifest_unit *u);
