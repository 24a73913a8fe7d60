// SPDX-License-Identifier: LGPL-2.1-or-later
/* The end of a trial: its verdict on record, the pin, and what is done about a bad kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cmdline.h"
#include "core/text.h"
#include "jump/record.h"
#include "session/gate-parts.h"
#include "sys/lock.h"
#include "systemd/health.h"

/* A session of another command may prepare its jump for so long. */
#define LOCK_MS (10 * 60 * 1000)
/* So long `warmboot reboot` may prepare a jump. */
#define JUMP_MS (10 * 60 * 1000)

void wb_gate_say(const struct wb_gate_host *h, const char *sentence)
{
	if (h->say)
		h->say(h->arg, sentence);
}

bool wb_gate_is_over(const struct wb_gate_host *h, uint64_t until_ns)
{
	return h->ops->boot_ns(h->ops->ctx) >= until_ns;
}

int wb_gate_is_here(const struct wb_gate_host *h, const struct wb_trial *t)
{
	WB_CLEAN_RECORD rec = {};
	WB_CLEAN_TRACES now = {};
	bool recorded;

	if (wb_traces_read(h->sys->files, &now) < 0)
		return -ENOMEM;
	recorded = wb_record_read(h->sys->files, WB_RECORD_JUMP, &rec, NULL) == 0;
	return wb_text_same(wb_jump_number(recorded ? &rec : NULL, &now), t->nonce);
}

enum wb_gate_state wb_gate_state(const struct wb_gate_host *h, const struct wb_trial *t)
{
	WB_CLEAN_TRIAL there = {};
	WB_CLEAN_TRACES now = {};

	if (wb_trial_read(h->sys->files, &there, NULL) < 0)
		return WB_GATE_JUDGED;
	if (wb_text_same(there.boot_id, t->boot_id) && there.time == t->time)
		return there.verdict == WB_TRIAL_OPEN ? WB_GATE_OPEN : WB_GATE_JUDGED;
	return wb_traces_read(h->sys->files, &now) == 0 && wb_text_same(there.boot_id, now.boot_id)
		       ? WB_GATE_ANOTHER
		       : WB_GATE_JUDGED;
}

int wb_gate_again(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	WB_CLEAN_TRIAL there = {};
	int r = wb_trial_read(h->sys->files, &there, err);

	if (r < 0)
		return r;
	wb_trial_deinit(t);
	*t = there;
	there = (struct wb_trial){};
	return 0;
}

int wb_gate_unpin(const struct wb_gate_host *h, const struct wb_trial *t, struct wb_error *err)
{
	const struct wb_pin pin = wb_trial_pin(t);
	int r = pin.loader ? wb_pin_clear(h->sys, &pin, err) : 0;

	if (r < 0)
		return r;
	r = h->sys->remove_file(h->sys->ctx, WB_TRIAL_RUNS);
	return r < 0 ? wb_fail(err, r, "%s cannot be removed: %s", WB_TRIAL_RUNS, strerror(-r)) : 0;
}

/*
 * The values of the kernel from before hold again, unless somebody has set others meanwhile (sysctl.d(5), kubelet). That
 * is seen by a number of seconds that nobody else uses.
 */
static void end_panic_words(const struct wb_gate_host *h, const struct wb_trial *t)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_BLOB cmdline = {};
	char text[24];

	if (files->read(files->ctx, "/proc/cmdline", 1 << 20, &cmdline, NULL) < 0 ||
		!wb_cmdline_has((const char *)cmdline.data, WB_TRIAL_MARK) ||
		wb_read_number(files, "/proc/sys/kernel/panic") != WB_TRIAL_PANIC_S)
		return;
	snprintf(text, sizeof(text), "%lld", (long long)t->panic_before);
	h->runner->poke(h->runner->ctx, "/proc/sys/kernel/panic", text);
	snprintf(text, sizeof(text), "%lld", (long long)t->oops_before);
	h->runner->poke(h->runner->ctx, "/proc/sys/kernel/panic_on_oops", text);
}

void wb_gate_call_off_watchdog(const struct wb_gate_host *h)
{
	h->sys->write_file(h->sys->ctx, WB_GATE_PASSED, (struct wb_bytes){}, 0644);
}

int wb_gate_pass(const struct wb_gate_host *h, const struct wb_trial *t, struct wb_error *err)
{
	end_panic_words(h, t);
	wb_gate_call_off_watchdog(h);
	return wb_gate_unpin(h, t, err);
}

/* ---- the verdict ---- */

static int take_lock(const struct wb_gate_host *h, struct wb_error *err)
{
	const struct wb_lock how = {.path = h->lock_path,
		.command = "gate",
		.unit = true,
		.patience_ms = LOCK_MS,
		.unit_patience_ms = LOCK_MS};

	return h->has_lock ? -1 : wb_lock_take(&how, err);
}

static int write_locked(const struct wb_gate_host *h, struct wb_trial *t,
	const struct wb_gate_verdict *v, struct wb_error *err)
{
	WB_CLEAN_TRACES now = {};
	bool again = t->judged && t->verdict == v->verdict;
	int r;

	if (!v->overrule && wb_gate_state(h, t) != WB_GATE_OPEN) {
		r = wb_gate_again(h, t, err);
		return r < 0 ? r : 1;
	}
	if (wb_traces_read(h->sys->files, &now) < 0)
		return wb_oom(err);
	t->verdict = v->verdict;
	t->waits = false;
	t->judged = (int64_t)(h->sys->wall_ns(h->sys->ctx) / WB_GATE_SECOND);
	wb_text_replace(&t->judged_boot, now.boot_id);
	wb_text_replace(&t->why, v->why);
	r = wb_trial_write(h->sys, t, err);
	/* A person's second word of the same kind is no second jump. */
	if (r == 0 && v->verdict != WB_TRIAL_LEFT && !again)
		wb_gate_note(h, t, v->runs, v->phase);
	return r;
}

int wb_gate_write(const struct wb_gate_host *h, struct wb_trial *t, const struct wb_gate_verdict *v,
	struct wb_error *err)
{
	int lock = take_lock(h, err), r;

	if (lock < 0 && !h->has_lock)
		return lock;
	r = write_locked(h, t, v, err);
	if (lock >= 0)
		close(lock);
	return r;
}

/* ---- a bad kernel ---- */

static int done(
	const struct wb_gate_host *h, struct wb_trial *t, const char *what, struct wb_error *err)
{
	wb_text_replace(&t->done, what);
	return wb_trial_write(h->sys, t, err);
}

static int jump_back(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	const char *const argv[] = {"/proc/self/exe", "reboot", "--guard=off", t->back, NULL};
	WB_CLEAN_STR refused = NULL;
	struct wb_error why = {};
	int r = done(h, t, "it jumped back to the kernel from before", err);

	if (r == 0)
		r = wb_run_for(h->runner, argv, JUMP_MS, NULL, &why);
	if (r >= 0 || !why.code)
		return r;
	wb_gate_say(h, why.text);
	refused = wb_strf("the jump back was refused: %s", why.text);
	done(h, t, refused, NULL);
	return wb_fail(err, r, "%s", why.text);
}

/* Without a pin the firmware would start its default, which is mostly the same kernel. */
static int reboot(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	const struct wb_pin pin = wb_trial_pin(t);
	int r;

	if (!pin.loader || wb_pin_is_set(h->sys->files, &pin) <= 0)
		return wb_fail(err, -EOPNOTSUPP,
			"the kernel is bad, and nothing leads a reboot back to the one from "
			"before");
	r = done(h, t, "it rebooted through the firmware, to the kernel from before", err);
	return r < 0 ? r : wb_systemd_reboot(h->runner, err);
}

int wb_gate_act(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	struct wb_error why = {};
	int r;

	if (t->action == WB_TRIAL_TELL)
		return 0;
	/* A person may have confirmed it meanwhile. */
	r = wb_gate_again(h, t, err);
	if (r < 0 || t->verdict != WB_TRIAL_BAD)
		return r;
	if (t->action == WB_TRIAL_JUMP_BACK && t->back && jump_back(h, t, &why) == 0)
		return 0;
	return reboot(h, t, err);
}
