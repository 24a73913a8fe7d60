// SPDX-License-Identifier: LGPL-2.1-or-later
/* How much time is left for each kind of packet hold, over a jump. */
#include "net/silence.h"
#include "sys/handoff.h"

#define SECOND UINT64_C(1000000000)
#define LONGEST (WB_SILENCE_SECONDS * SECOND)
/*
 * Used if the time stamp counter cannot be: the time from the freeze to the start of the next
 * kernel. systemd's orderly shutdown takes at most 5 s for each of three rounds
 * (DefaultTimeoutStopSec= of systemd-shutdown's last steps); the rest is the start of a kernel.
 */
#define UNTOLD_GAP (20 * SECOND)

static unsigned whole_seconds(uint64_t spent)
{
	return spent < LONGEST ? (unsigned)((LONGEST - spent) / SECOND) : 0;
}

unsigned wb_silence_left_since(uint64_t since_ns, uint64_t now_ns)
{
	return whole_seconds(now_ns > since_ns ? now_ns - since_ns : 0);
}

static int64_t spent(uint64_t since_ns, uint64_t now_ns)
{
	return since_ns && now_ns > since_ns ? (int64_t)(now_ns - since_ns) : 0;
}

struct wb_silence wb_silence_note(
	uint64_t kept_since_ns, uint64_t restart_since_ns, uint64_t now_ns, uint64_t now_tsc)
{
	return (struct wb_silence){
		.kept_ns = spent(kept_since_ns, now_ns),
		.restart_ns = spent(restart_since_ns, now_ns),
		.tsc = (int64_t)now_tsc,
	};
}

/* Time since wb_silence_note(). It is at least the time that this kernel has run. */
static uint64_t since_note(
	const struct wb_silence *s, uint64_t mono_ns, uint64_t tsc, uint64_t tsc_hz)
{
	uint64_t then = (uint64_t)s->tsc;

	if (s->tsc > 0 && tsc_hz && tsc > then) {
		double ns = (double)(tsc - then) * 1e9 / (double)tsc_hz;

		if (ns >= (double)LONGEST)
			return LONGEST;
		if (ns >= (double)mono_ns)
			return (uint64_t)ns;
	}
	/* The counter began again, or has another rate than before. */
	return mono_ns + UNTOLD_GAP;
}

static uint64_t sum(int64_t before, uint64_t since)
{
	uint64_t b = before > 0 ? (uint64_t)before : 0;

	return b < LONGEST && since < LONGEST ? b + since : LONGEST;
}

struct wb_hold_left wb_silence_left_after(
	const struct wb_silence *s, uint64_t mono_ns, uint64_t tsc, uint64_t tsc_hz)
{
	uint64_t since = since_note(s, mono_ns, tsc, tsc_hz);

	return (struct wb_hold_left){
		.kept = whole_seconds(sum(s->kept_ns, since)),
		.restart = whole_seconds(sum(s->restart_ns, since)),
	};
}

struct wb_hold_left wb_silence_left(
	const struct wb_sys *sys, const struct wb_silence *silence, int64_t tsc_hz)
{
	uint64_t hz = tsc_hz > 0 ? (uint64_t)tsc_hz : 0;
	struct wb_handoff handoff;

	if (!hz && wb_handoff_read(sys->files, &handoff))
		hz = handoff.tsc_hz;
	return wb_silence_left_after(silence, sys->mono_ns(sys->ctx), sys->tsc(sys->ctx), hz);
}
