// SPDX-License-Identifier: LGPL-2.1-or-later
/* Measuring the rate of the time stamp counter, and the monotonic clock in milliseconds. */
#include <time.h>

#include "sys/clock.h"

/*
 * In a shorter time a single interruption between two readings matters; in a longer one the machine
 * may have been suspended.
 */
#define SHORTEST_NS UINT64_C(20000000)
#define LONGEST_NS UINT64_C(600000000000)
/* Number of readings, of which the closest is used. */
#define READINGS 5

int64_t wb_now_ms(void)
{
	struct timespec t = {};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void wb_rate_begin(const struct wb_sys *sys, struct wb_rate *ret)
{
	uint64_t closest = UINT64_MAX;

	for (int i = 0; i < READINGS; i++) {
		uint64_t before = sys->tsc(sys->ctx), ns = sys->raw_ns(sys->ctx);
		uint64_t window = sys->tsc(sys->ctx) - before;

		if (window >= closest)
			continue;
		closest = window;
		*ret = (struct wb_rate){before + window / 2, ns};
	}
}

uint64_t wb_rate_hz(const struct wb_sys *sys, const struct wb_rate *begin)
{
	struct wb_rate now = {};
	uint64_t ns;

	wb_rate_begin(sys, &now);
	ns = now.ns - begin->ns;
	if (now.ns < begin->ns || now.tsc < begin->tsc || ns < SHORTEST_NS || ns > LONGEST_NS)
		return 0;
	return (uint64_t)((double)(now.tsc - begin->tsc) * 1e9 / (double)ns);
}
