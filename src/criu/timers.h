/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU saves how long a timerfd has still to go. One that was set to a time (TFD_TIMER_ABSTIME) it sets to the present
 * second and that rest (criu/pie/restorer.c, timerfd_arm()). So it goes off up to a second early; with a clock of the
 * time of day, late by the length of the outage; and at once if it had gone off already or was not set. These timers are
 * set again by their descriptors, which any process may do that has them.
 */
#pragma once

#include <time.h>

#include "core/files.h"
#include "criu/criu.h"

/*
 * Append the timers of a process that stands still to image->timers. A process that is gone has none. -E2BIG, -EBADMSG,
 * -ENOMEM and errors of reading; no sentence.
 */
int wb_timers_note(const struct wb_files *files, int64_t pid, struct wb_criu_image *image);

/* The clocks by which timers are set. */
enum { WB_CLOCK_DAY, WB_CLOCK_MONOTONIC, WB_CLOCK_BOOT, WB_CLOCKS };
/* Which one it is of a clock's number; -1: none of them. */
int wb_clock_of(int64_t clock);
/*
 * The timer of a file below /proc/PID/fdinfo, when the clocks show `now` to its process. 1; 0: it needs none of this.
 * -EBADMSG. Pure.
 */
int wb_timer_parse(
	const char *text, const struct timespec now[WB_CLOCKS], struct wb_criu_timer *ret);
/* From /proc/PID/timens_offsets: what its process sees more on each clock; zeroes where it has none. Pure. */
void wb_clock_offsets(const char *text, struct timespec ret[WB_CLOCKS]);

/* Set them when all tasks are restored, and none has run. Errors have a sentence. */
int wb_timers_give(
	const struct wb_files *files, const struct wb_criu_image *image, struct wb_error *err);
