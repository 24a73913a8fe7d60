/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long connections may be held: one interval for each kind of hold, from its begin in the old
 * kernel to its end in the next one. Every step asks here what is left, so that none begins the
 * interval again. The interval is measured by CLOCK_MONOTONIC; over the jump, where this clock
 * starts at zero, by the time stamp counter, which runs on. A change of the wall clock does not
 * make it longer.
 */
#pragma once

#include <stdint.h>

#include "net/hold.h"
#include "sys/sys.h"

/* After this time, a refusal is better for a peer than further waiting. */
#define WB_SILENCE_SECONDS 120

/*
 * The rest of one interval, in whole seconds. Both moments are of this kernel's
 * CLOCK_MONOTONIC. Pure.
 */
unsigned wb_silence_left_since(uint64_t since_ns, uint64_t now_ns);

/* For each kind of hold, how long it had lasted at one value of the time stamp counter. */
struct wb_silence {
	int64_t kept_ns, restart_ns, tsc;
};

/*
 * For the next kernel: how long each kind has lasted by now; 0: it has not begun. A kind that has
 * something to hold, but has not begun, begins now. Pure.
 */
struct wb_silence wb_silence_note(
	uint64_t kept_since_ns, uint64_t restart_since_ns, uint64_t now_ns, uint64_t now_tsc);

/* In the next kernel: what is left, by its clocks. Pure. */
struct wb_hold_left wb_silence_left_after(
	const struct wb_silence *silence, uint64_t mono_ns, uint64_t tsc, uint64_t tsc_hz);
/* The same for the present moment. tsc_hz 0: unknown; the rate in the handoff block is used. */
struct wb_hold_left wb_silence_left(
	const struct wb_sys *sys, const struct wb_silence *silence, int64_t tsc_hz);
