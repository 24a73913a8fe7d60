/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timestamps of PID 1 and of its units. Errors are negative errnos without a sentence. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/strv.h"

/* A time property of PID 1, and where to store it. Most are microseconds of CLOCK_MONOTONIC. */
struct wb_manager_time {
	const char *name;
	uint64_t *ret;
};

/* Read all of them. On failure some may have been filled in. */
int wb_manager_times(const struct wb_manager_time *times, size_t n);
/* ActiveEnterTimestampMonotonic of a running unit; 0: it is not running. */
int wb_unit_active_since(const char *unit, uint64_t *ret_us);
/* The last start of a unit, in microseconds of CLOCK_MONOTONIC; 0: it never came to that. */
struct wb_unit_start {
	uint64_t from_us; /* it began (InactiveExitTimestampMonotonic) */
	uint64_t up_us;   /* the unit was up (ActiveEnterTimestampMonotonic) */
	uint64_t end_us;  /* the unit had ended (InactiveEnterTimestampMonotonic) */
};
typedef int wb_unit_start_add(void *arg, const char *unit, const struct wb_unit_start *start);

/* Call `add` for every loaded unit that was started, in any order, until it fails. */
int wb_unit_starts(wb_unit_start_add *add, void *arg);
/* The units that this one is ordered after. */
int wb_unit_after(const char *unit, struct wb_strv *ret);
/* Time that the last start of an active unit took, in microseconds; 0: it has not started. */
int wb_unit_start_took(const char *unit, uint64_t *ret_us);
