/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PID 1's use of a hardware watchdog. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* Does PID 1 feed a watchdog while the system runs (RuntimeWatchdogSec=)? false also if it cannot be asked. */
bool wb_systemd_feeds_watchdog(void);
/*
 * Let PID 1 arm the watchdog for so many microseconds when it shuts the system down for a jump
 * (KExecWatchdogSec=), until the next change; 0: it disarms it. *ret_before: the time until now. Negative
 * errno with a sentence.
 */
int wb_systemd_set_kexec_watchdog(uint64_t us, uint64_t *ret_before, struct wb_error *err);
