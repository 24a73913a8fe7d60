/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A delay lock of logind: it announces a shutdown, and then waits for those who hold such a lock before it asks PID 1
 * to stop anything (systemd.io/INHIBITOR_LOCKS). From version 255 on it also says of which kind the shutdown is
 * (org.freedesktop.login1(5), PrepareForShutdownWithMetadata).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* The first version of systemd that says so. */
#define WB_DELAY_SINCE 255

enum wb_delay_event {
	WB_DELAY_NOTHING = 0, /* the time is over */
	WB_DELAY_KEXEC,       /* a shutdown that leads to a kexec is announced */
	WB_DELAY_OTHER,       /* another shutdown is announced */
	WB_DELAY_CANCELLED,   /* the announced shutdown does not come */
};

struct wb_delay;

/*
 * Connect to logind, without a lock. *ret is to be freed with wb_delay_free(). Negative errno with a sentence: there is
 * no bus, or no logind.
 */
int wb_delay_new(struct wb_delay **ret, struct wb_error *err);
/* Release the lock, too. NULL-safe. */
void wb_delay_free(struct wb_delay *d);
/* Take the lock. 0 also if it is held already. Negative errno with a sentence. */
int wb_delay_take(struct wb_delay *d, struct wb_error *err);
/*
 * Let logind go on. A child process that was forked meanwhile holds the lock, too, as long as it lives.
 */
void wb_delay_release(struct wb_delay *d);
/* The longest time that logind waits, in microseconds (InhibitDelayMaxSec=). */
int wb_delay_limit(struct wb_delay *d, uint64_t *ret_us, struct wb_error *err);
/* Wait at most `ms` milliseconds for an announcement. Negative errno with a sentence: logind is not connected any more. */
int wb_delay_wait(struct wb_delay *d, unsigned ms, enum wb_delay_event *ret, struct wb_error *err);

/* The kind of shutdown that logind calls `type`: "kexec", "reboot", "poweroff", … Pure. */
enum wb_delay_event wb_delay_kind(bool active, const char *type);
