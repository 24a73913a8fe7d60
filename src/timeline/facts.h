/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that is known of one boot, as read, on the clocks on which it was read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "timeline/klog.h"
#include "timeline/marks.h"
#include "timeline/timeline.h"

/* What the journal of the boot before says of its end. */
enum wb_event_kind {
	WB_EVENT_STOPPING = 1, /* "Stopping UNIT" */
	WB_EVENT_STOPPED,
	WB_EVENT_REACHED, /* "Reached target UNIT" */
};

struct wb_event {
	enum wb_event_kind kind;
	int64_t mono_us, wall_us; /* CLOCK_MONOTONIC of that boot, CLOCK_REALTIME */
	char unit[128];
};

struct wb_events {
	struct wb_event *items;
	size_t n;
};

void wb_events_deinit(struct wb_events *events);

/* Of this boot, microseconds of CLOCK_MONOTONIC; 0 unknown. */
struct wb_user_times {
	uint64_t firmware_us, loader_us; /* before the kernel: how long ago at its zero */
	uint64_t initrd_us;              /* systemd in the initramfs */
	uint64_t userspace_us;           /* systemd in the root file system */
	uint64_t target_us;              /* the default target was reached */
	uint64_t finish_us;              /* the queue of jobs ran empty for the first time */
};

/* A unit that is up, with a process that can answer. */
struct wb_up {
	char unit[128];
	uint64_t active_us; /* ActiveEnterTimestampMonotonic */
};

/* A unit of the old kernel of which somebody says how it was kept. */
struct wb_kept {
	char unit[128];
	char how[16];
	double frozen_s; /* < 0 */
};

struct wb_facts {
	char boot[40], previous[40];
	char from[72], to[72], method[16], initramfs[16], outcome[24];
	bool jumped;
	bool by_kexec; /* any kexec, whoever made it: firmware did not run */
	struct wb_marks marks;
	uint64_t last_tsc;             /* wb_last_read() of the boot before */
	uint64_t tsc_enter, tsc_leave; /* purgatory's; 0 none */
	uint64_t handoff_hz;           /* as the old kernel saw the counter */
	uint64_t copied_bytes;         /* what machine_kexec() had to move; 0 unknown */
	double copy_rate;              /* bytes a second, measured; 0 unknown */
	struct wb_mark now;            /* all clocks in this boot */
	struct wb_klog log;
	struct wb_user_times user;
	struct wb_events events;
	struct wb_up *up;
	size_t n_up;
	struct wb_kept *kept;
	size_t n_kept;
};

void wb_facts_deinit(struct wb_facts *f);

/* Pure. -ENODATA with a sentence when there is nothing to make a line from. */
int wb_timeline_make(const struct wb_facts *f, struct wb_timeline *ret, struct wb_error *err);
