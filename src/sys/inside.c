// SPDX-License-Identifier: LGPL-2.1-or-later
/* Work in another network namespace, in a thread. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "sys/inside.h"

struct inside {
	int net_ns;
	int (*work)(void *arg); /* the caller's; its result is returned */
	void *arg;
	int result;
};

static void *enter(void *arg)
{
	struct inside *i = arg;
	int r = i->net_ns == WB_INSIDE_NEW ? unshare(CLONE_NEWNET) : setns(i->net_ns, CLONE_NEWNET);

	i->result = r < 0 ? -errno : i->work(i->arg);
	return NULL;
}

int wb_inside(int net_ns, int (*work)(void *arg), void *arg)
{
	struct inside i = {net_ns, work, arg, 0};
	pthread_t thread;
	int r;

	if (net_ns == -1)
		return work(arg);
	r = -pthread_create(&thread, NULL, enter, &i);
	if (r < 0)
		return r;
	pthread_join(thread, NULL);
	return i.result;
}
