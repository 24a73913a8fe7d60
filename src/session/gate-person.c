// SPDX-License-Identifier: LGPL-2.1-or-later
/* A person's word on the kernel on trial, and the wait for a verdict. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "session/gate-parts.h"
#include "systemd/health.h"

static int read_here(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	struct wb_error why = {};
	int r = wb_trial_read(h->sys->files, t, &why), here;

	if (r < 0 && r != -ENOENT)
		return wb_fail(err, r, "%s", why.text);
	here = r == 0 ? wb_gate_is_here(h, t) : 0;
	if (here < 0)
		return wb_oom(err);
	if (r < 0 || t->verdict == WB_TRIAL_LEFT)
		return wb_fail(err, -ENOENT, "no kernel is on trial");
	if (!here)
		return wb_fail(err, -ENOENT,
			"the kernel that was on trial is not the one that runs (\"warmboot "
			"status\")");
	return 0;
}

int wb_gate_confirm(const struct wb_gate_host *h, struct wb_error *err)
{
	static const struct wb_gate_verdict good = {.verdict = WB_TRIAL_GOOD,
		.why = "a person confirmed it",
		.runs = true,
		.phase = WB_PAIR_PHASE_GATE,
		.overrule = true};
	WB_CLEAN_TRIAL t = {};
	int r = read_here(h, &t, err);

	if (r == 0)
		r = wb_gate_write(h, &t, &good, err);
	if (r < 0)
		return r;
	/* The person must know if the next firmware boot still leads away. */
	return wb_gate_pass(h, &t, err);
}

static int check_way(const struct wb_trial *t, bool firmware, struct wb_error *err)
{
	if (firmware && !t->pin_loader)
		return wb_fail(err, -EOPNOTSUPP,
			"the firmware is not pinned to the kernel from before%s%s; \"warmboot "
			"fall-back\" "
			"jumps to it",
			t->no_pin ? ": " : "", t->no_pin ? t->no_pin : "");
	if (!firmware && !t->back)
		return wb_fail(
			err, -ENOENT, "it is not known which entry the kernel from before has");
	return 0;
}

/* A verdict of before may have taken the pin back. */
static int pin_again(const struct wb_gate_host *h, const struct wb_trial *t, struct wb_error *err)
{
	const struct wb_pin pin = wb_trial_pin(t);
	int r = h->sys->write_file(h->sys->ctx, WB_TRIAL_RUNS, (struct wb_bytes){}, 0600);

	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", WB_TRIAL_RUNS, strerror(-r));
	return wb_pin_set(h->sys, &pin, err);
}

int wb_gate_reject(
	const struct wb_gate_host *h, bool firmware, char **ret_back, struct wb_error *err)
{
	static const struct wb_gate_verdict bad = {.verdict = WB_TRIAL_BAD,
		.why = "a person sent it away",
		.runs = true,
		.phase = WB_PAIR_PHASE_UNKNOWN,
		.overrule = true};
	WB_CLEAN_TRIAL t = {};
	WB_CLEAN_STR back = NULL;
	int r = read_here(h, &t, err);

	if (r == 0)
		r = check_way(&t, firmware, err);
	if (r == 0 && firmware)
		r = pin_again(h, &t, err);
	if (r < 0)
		return r;
	wb_text_replace(&t.phase, WB_GATE_USER_SPACE);
	wb_text_replace(&t.evidence, "a person's word");
	wb_text_replace(
		&t.done, firmware ? "it rebooted through the firmware, to the kernel from before"
				  : "it jumped back to the kernel from before");
	back = t.back ? strdup(t.back) : NULL;
	if (!firmware && !back)
		return wb_oom(err);
	r = wb_gate_write(h, &t, &bad, err);
	if (r < 0)
		return r;
	if (firmware)
		return wb_systemd_reboot(h->runner, err);
	*ret_back = back;
	back = NULL;
	return 0;
}

void wb_gate_refused(const struct wb_gate_host *h, const struct wb_error *why)
{
	WB_CLEAN_TRIAL t = {};
	WB_CLEAN_STR done = wb_strf("the jump back was refused: %s", why->text);

	if (!done || wb_trial_read(h->sys->files, &t, NULL) < 0)
		return;
	wb_text_replace(&t.done, done);
	wb_trial_write(h->sys, &t, NULL);
}

int wb_gate_wait(
	const struct wb_gate_host *h, int64_t seconds, struct wb_trial *ret, struct wb_error *err)
{
	const uint64_t until_ns = h->ops->boot_ns(h->ops->ctx) +
				  (uint64_t)(seconds > 0 ? seconds : 0) * WB_GATE_SECOND;

	for (;;) {
		WB_CLEAN_TRIAL t = {};
		struct wb_error why = {};
		int r = wb_trial_read(h->sys->files, &t, &why);

		if (r < 0)
			return wb_fail(err, r, "%s",
				r == -ENOENT ? "there was no guarded jump" : why.text);
		if (t.verdict != WB_TRIAL_OPEN) {
			*ret = t;
			t = (struct wb_trial){};
			return 0;
		}
		if (seconds > 0 && wb_gate_is_over(h, until_ns))
			return wb_fail(err, -ETIME, "the kernel is not judged after %lld s",
				(long long)seconds);
		h->ops->pause(h->ops->ctx, WB_GATE_PAUSE_MS);
	}
}
