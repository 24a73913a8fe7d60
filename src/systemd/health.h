/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How systemd says that the machine is, through systemctl(1). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/strv.h"
#include "sys/runner.h"

/* The state of the whole machine: "starting", "running", "degraded", "maintenance", …; "": systemd does not answer. */
void wb_systemd_state(const struct wb_runner *runner, char ret[32]);
/* Add the units that have failed, sorted. Negative errno with a sentence: systemd does not say. */
int wb_systemd_failed(const struct wb_runner *runner, struct wb_strv *ret, struct wb_error *err);
/* Does a unit besides sysinit.target hang on this target, or does it on another one? False also if it is not known. */
bool wb_systemd_is_used(const struct wb_runner *runner, const char *target);
/* A span of time as systemctl(1) prints it, "1min 30s", in seconds; UINT64_MAX: "infinity", or not understood. Pure. */
uint64_t wb_systemd_span(const char *text, size_t n);
/*
 * Add a sentence for each running service that may take longer than so many seconds to stop. Negative errno with a
 * sentence: systemd does not say.
 */
int wb_systemd_slow_stops(const struct wb_runner *runner, uint64_t seconds, struct wb_strv *ret,
	struct wb_error *err);
/* Shut down and reboot through the firmware. 0: the shutdown has begun. Negative errno with a sentence. */
int wb_systemd_reboot(const struct wb_runner *runner, struct wb_error *err);
