// SPDX-License-Identifier: LGPL-2.1-or-later
/* Independent jobs, several at a time: threads that take the next job from one counter. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/crew.h"

struct crew {
	size_t n;
	atomic_size_t next;
	/* The caller's function; returns when the job is done. */
	void (*job)(void *ctx, size_t i);
	void *ctx;
};

static void *work(void *arg)
{
	struct crew *c = arg;
	size_t i;

	while ((i = atomic_fetch_add(&c->next, 1)) < c->n)
		c->job(c->ctx, i);
	return NULL;
}

void wb_crew(size_t n, unsigned workers, void (*job)(void *ctx, size_t i), void *ctx)
{
	struct crew c = {.n = n, .job = job, .ctx = ctx};
	pthread_t threads[WB_CREW_MOST];
	size_t most = workers < n ? workers : n, made = 0;

	if (most > WB_CREW_MOST)
		most = WB_CREW_MOST;
	while (made + 1 < most && pthread_create(&threads[made], NULL, work, &c) == 0)
		made++;
	work(&c);
	while (made)
		pthread_join(threads[--made], NULL);
}

unsigned wb_crew_workers(void)
{
	cpu_set_t mine;
	int n;

	/* A machine with more CPUs than the set holds refuses it, and tells their number instead. */
	if (sched_getaffinity(0, sizeof(mine), &mine) == 0)
		n = CPU_COUNT(&mine);
	else
		n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	return n > 1 ? (unsigned)n : 1;
}

unsigned wb_crew_waiters(void)
{
	return 2 * wb_crew_workers();
}
