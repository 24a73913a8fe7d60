/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measuring time. CLOCK_REALTIME is only for people, since NTP or an administrator sets it at any
 * moment. A rate is measured against CLOCK_MONOTONIC_RAW, which NTP does not even slew.
 */
#pragma once

#include <stdint.h>

#include "sys/sys.h"

/* CLOCK_MONOTONIC in milliseconds. */
int64_t wb_now_ms(void);

/* The counter and a clock at one moment. */
struct wb_rate {
	uint64_t tsc, ns;
};
void wb_rate_begin(const struct wb_sys *sys, struct wb_rate *ret);
/*
 * Ticks of the counter a second since then; 0 if the time since then is too short or too long to
 * measure.
 */
uint64_t wb_rate_hz(const struct wb_sys *sys, const struct wb_rate *begin);
