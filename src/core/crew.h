/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Independent jobs, several at a time. */
#pragma once

#include <stddef.h>

/* The most jobs at a time. */
#define WB_CREW_MOST 64

/*
 * Call job(ctx, i) for each i below `n`, in this order, by up to `workers` threads; the caller is one of them.
 * Returns when all have ended. With one worker, or none, no thread is made. If a thread cannot be made, the others
 * do its work.
 */
void wb_crew(size_t n, unsigned workers, void (*job)(void *ctx, size_t i), void *ctx);

/* How many jobs run well at a time: as many as there are CPUs for this process. At least 1. */
unsigned wb_crew_workers(void);
/* The same for jobs that often wait for the kernel or for other processes, as each run of CRIU does: twice as many. */
unsigned wb_crew_waiters(void);
