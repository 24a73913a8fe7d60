/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timestamps of PID 1 and of its units. Errors are negative errnos without a sentence. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A time property of PID 1, and where to store it. Most are microseconds of CLOCK_MONOTONIC. */
struct wb_manager_time {
	const char *name;
	uint64_t *ret;
};

/* Read all of them. On failure some may have been filled in. */
int wb_manager_times(const struct wb_manager_time *times, size_t n);
/* ActiveEnterTimestampMonotonic of a running unit; 0: it is not running. */
int wb_unit_active_since(const char *unit, uint64_t *ret_us);
/* Time that the last start of an active unit took, in microseconds; 0: it has not started. */
int wb_unit_start_took(const char *unit, uint64_t *ret_us);
