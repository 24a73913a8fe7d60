/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facts about one boot, unchanged, on the clocks of their sources. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "systemd/times.h"
#include "timeline/klog.h"
#include "timeline/marks.h"
#include "timeline/timeline.h"

/* Events in the journal of the boot before that belong to its end. */
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

/* Times of this boot, microseconds of CLOCK_MONOTONIC; 0 unknown. */
struct wb_user_times {
	/* before the kernel: time from their beginning to the zero of its clock */
	uint64_t firmware_us, loader_us;
	uint64_t initrd_us;    /* systemd in the initramfs */
	uint64_t userspace_us; /* systemd in the root file system */
	uint64_t target_us;    /* the default target was reached */
	uint64_t finish_us;    /* systemd's job queue was empty for the first time */
	uint64_t generators_from_us, generators_to_us;
};

/* A running unit, with a process that can answer. */
struct wb_up {
	char unit[128];
	uint64_t active_us; /* ActiveEnterTimestampMonotonic */
};

/* A unit that was started in this boot. */
struct wb_start {
	char unit[96];
	struct wb_unit_start at;
};

struct wb_starts {
	struct wb_start *items;
	size_t n;
};

void wb_starts_deinit(struct wb_starts *starts);

/* A unit of the old kernel whose outcome is recorded. */
struct wb_kept {
	char unit[128];
	char name[128]; /* by which it was chosen; "" as its unit */
	char how[16];
	double frozen_s; /* < 0: it was not frozen */
};

struct wb_facts {
	char boot[40], previous[40];
	char from[72], to[72], method[16], initramfs[16], outcome[24];
	bool jumped;
	bool by_kexec; /* any kexec, also by another program: firmware did not run */
	struct wb_marks marks;
	uint64_t last_tsc;             /* wb_last_read() of the boot before */
	char last_source[48];          /* where that was left */
	uint64_t tsc_enter, tsc_leave; /* purgatory's; 0 none */
	uint64_t handoff_hz;           /* the counter's rate as the old kernel measured it */
	uint64_t copied_bytes;         /* bytes that machine_kexec() had to copy; 0 unknown */
	double copy_rate;              /* bytes a second, measured; 0 unknown */
	struct wb_mark now;            /* all clocks in this boot */
	/* CLOCK_REALTIME at the zero of its kernel's clock, before later corrections; 0 unknown */
	int64_t began_wall_us;
	struct wb_klog log;
	struct wb_user_times user;
	struct wb_events events;
	struct wb_up *up;
	size_t n_up;
	struct wb_starts starts;
	struct wb_starts
		chain; /* of them, what the default target waited for, from the target down */
	struct wb_kept *kept;
	size_t n_kept;
};

void wb_facts_deinit(struct wb_facts *f);

/* Make the line of phases. Pure. -ENODATA with a sentence when there are too few facts. */
int wb_timeline_make(const struct wb_facts *f, struct wb_timeline *ret, struct wb_error *err);
