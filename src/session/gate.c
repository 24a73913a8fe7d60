// SPDX-License-Identifier: LGPL-2.1-or-later
/* The health gate: from the file of the trial to the verdict. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "jump/record.h"
#include "session/gate-parts.h"

/* Programs and boot-complete.target have so long at least, however late the gate begins. */
#define LEAST_S 60

/* ---- a kernel that does not run any more ---- */

static int leave(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	static const struct wb_gate_verdict left = {.verdict = WB_TRIAL_LEFT,
		.why = "another jump left that kernel before it was judged"};
	int r = wb_gate_write(h, t, &left, err);

	return r < 0 ? r : wb_gate_unpin(h, t, err);
}

static int tell_where(struct wb_trial *t, const struct wb_traces *now)
{
	bool before = wb_text_same(t->from, now->release);
	WB_CLEAN_STR done = wb_strf("the firmware started %s%s%s",
		now->release ? now->release : "a kernel", before ? ", the kernel from before" : "",
		before && t->pin_loader ? ", to which it was pinned" : "");

	wb_text_replace(&t->done, done);
	return t->done ? 0 : -ENOMEM;
}

static int judge_firmware(const struct wb_gate_host *h, struct wb_trial *t,
	const struct wb_traces *now, struct wb_error *err)
{
	WB_CLEAN_STR why = NULL;
	WB_CLEAN_STR evidence = NULL;
	WB_CLEAN_STR sentence = NULL;
	struct wb_gate_verdict bad = {.verdict = WB_TRIAL_BAD};
	int r = wb_gate_evidence(h->sys->files, &t->records, &why, &evidence);

	if (r == 0)
		r = tell_where(t, now);
	if (r < 0)
		return wb_oom(err);
	/* A reset may have another reason than the kernel, unless the kernel said so. */
	bad.phase = !why       ? WB_PAIR_PHASE_UNKNOWN
		    : t->phase ? WB_PAIR_PHASE_ROOT
			       : WB_PAIR_PHASE_FIRST_LINE;
	if (!t->phase)
		wb_text_replace(&t->phase, WB_GATE_BEFORE);
	wb_text_replace(&t->evidence, evidence ? evidence : "no record of pstore or of a watchdog");
	sentence = wb_strf("the machine came up through its firmware: %s",
		why ? why : "it was reset, or lost its power, and nothing says why");
	if (!sentence || !t->phase || !t->evidence)
		return wb_oom(err);
	bad.why = sentence;
	r = wb_gate_write(h, t, &bad, err);
	return r < 0 ? r : wb_gate_unpin(h, t, err);
}

/* ---- a kernel that runs ---- */

/* 1: something is worth waiting for. */
static int look_once(const struct wb_gate_host *h, const struct wb_trial *t, bool last,
	struct wb_gate_facts *facts)
{
	int boot = wb_gate_look_at_boot(h, last, facts), kept = 0, probes = 0;

	if (boot == 0)
		kept = wb_gate_look_at_kept(h, t, last, facts);
	if (boot == 0 && kept == 0)
		probes = wb_gate_look_at_probes(h, t, last, facts);
	return boot ? boot : kept ? kept : probes;
}

/* 1: a person has judged, and *ret is empty. */
static int wait_for_boot(
	const struct wb_gate_host *h, const struct wb_trial *t, struct wb_gate_facts *ret)
{
	const uint64_t until_ns = (uint64_t)t->deadline_s * WB_GATE_SECOND;

	for (;;) {
		WB_CLEAN_GATE_FACTS facts = {};
		int r = look_once(h, t, wb_gate_is_over(h, until_ns), &facts);
		enum wb_gate_state state = wb_gate_state(h, t);

		if (r < 0)
			return r;
		if (state == WB_GATE_JUDGED)
			return 1;
		if (r == 0 && state == WB_GATE_OPEN) {
			*ret = facts;
			facts = (struct wb_gate_facts){};
			return 0;
		}
		h->ops->pause(h->ops->ctx, WB_GATE_PAUSE_MS);
	}
}

static int look(const struct wb_gate_host *h, const struct wb_trial *t, struct wb_gate_facts *ret)
{
	uint64_t until_ns = (uint64_t)t->deadline_s * WB_GATE_SECOND, least;
	int r = wait_for_boot(h, t, ret);

	least = h->ops->boot_ns(h->ops->ctx) + LEAST_S * WB_GATE_SECOND;
	if (until_ns < least)
		until_ns = least;
	if (r == 0)
		r = wb_gate_look_at_target(h, until_ns, ret);
	if (r == 0)
		r = wb_gate_programs(h->sys->files, h->ops, h->runner, until_ns, ret);
	/* Last, since a check may be a unit, too. */
	return r ? r : wb_gate_look_at_units(h, t, ret);
}

static int end(const struct wb_gate_host *h, struct wb_trial *t, enum wb_trial_verdict verdict,
	const char *why, struct wb_error *err)
{
	const struct wb_gate_verdict v = {
		.verdict = verdict, .why = why, .runs = true, .phase = WB_PAIR_PHASE_GATE};
	struct wb_error why_not = {};
	int r;

	if (verdict == WB_TRIAL_BAD) {
		wb_text_replace(&t->phase, WB_GATE_USER_SPACE);
		wb_text_replace(&t->evidence, "the health gate");
	} else {
		free(t->phase);
		t->phase = NULL;
	}
	r = wb_gate_write(h, t, &v, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (verdict == WB_TRIAL_BAD)
		return wb_gate_act(h, t, err);
	/* The verdict stands. The pin is taken back by the next gate. */
	if (wb_gate_pass(h, t, &why_not) < 0)
		wb_gate_say(h, why_not.text);
	return 0;
}

/* The time of the person goes on where a gate was broken off. */
static int wait_for_person(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	enum wb_gate_state state;
	int r;

	if (!t->waits) {
		t->waits = true;
		t->waits_until_s =
			(int64_t)(h->ops->boot_ns(h->ops->ctx) / WB_GATE_SECOND) + t->confirm_s;
		r = wb_trial_write(h->sys, t, err);
		if (r < 0)
			return r;
	}
	wb_gate_say(h, "the gate has passed; now \"warmboot confirm\" or \"warmboot fall-back\" is "
		       "waited for");
	while ((state = wb_gate_state(h, t)) != WB_GATE_JUDGED) {
		if (state == WB_GATE_OPEN &&
			wb_gate_is_over(h, (uint64_t)t->waits_until_s * WB_GATE_SECOND))
			return end(h, t, WB_TRIAL_BAD, "nobody confirmed the kernel in time", err);
		h->ops->pause(h->ops->ctx, WB_GATE_PAUSE_MS);
	}
	return wb_gate_again(h, t, err);
}

static int judge_running(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	WB_CLEAN_GATE_FACTS facts = {};
	WB_CLEAN_STR why = NULL;
	enum wb_trial_verdict verdict;
	int r;

	if (t->waits)
		return wait_for_person(h, t, err);
	/* From here on a failure is one of user space. */
	wb_text_replace(&t->phase, WB_GATE_USER_SPACE);
	r = wb_trial_write(h->sys, t, err);
	if (r < 0)
		return r;
	r = look(h, t, &facts);
	if (r > 0)
		return wb_gate_again(h, t, err);
	if (r == 0)
		r = wb_gate_judge(&facts, &verdict, &why);
	if (r < 0)
		return wb_oom(err);
	/* It may bite where the boot hangs, and where the machine is to be reset anyway. */
	if (verdict != WB_TRIAL_BAD || (!facts.hangs && t->action != WB_TRIAL_REBOOT))
		wb_gate_call_off_watchdog(h);
	if (verdict != WB_TRIAL_BAD && t->manual)
		return wait_for_person(h, t, err);
	return end(h, t, verdict, why, err);
}

/* ---- all of it ---- */

/* A gate that was broken off goes on where it was. The pin of a bad kernel stays as long as that kernel runs. */
static int end_judged(const struct wb_gate_host *h, struct wb_trial *t, bool here,
	const struct wb_traces *now, struct wb_error *err)
{
	if (!here || !wb_text_same(t->judged_boot, now->boot_id))
		return wb_gate_unpin(h, t, err);
	if (t->verdict == WB_TRIAL_BAD)
		return t->done ? 0 : wb_gate_act(h, t, err);
	return wb_gate_pass(h, t, err);
}

static int judge(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_RECORD rec = {};
	WB_CLEAN_TRACES now = {};
	int here = wb_gate_is_here(h, t);
	bool recorded;

	if (here < 0 || wb_traces_read(files, &now) < 0)
		return wb_oom(err);
	/* The jump has not happened yet. */
	if (wb_text_same(now.boot_id, t->boot_id))
		return 0;
	recorded = wb_record_read(files, WB_RECORD_JUMP, &rec, NULL) == 0;
	if (t->verdict != WB_TRIAL_OPEN)
		return end_judged(h, t, here, &now, err);
	if (here)
		return judge_running(h, t, err);
	/* The last jump was another one, wherever it has led to. */
	if (now.by_kexec || (recorded && rec.nonce && !wb_text_same(rec.nonce, t->nonce)))
		return leave(h, t, err);
	return judge_firmware(h, t, &now, err);
}

/* The pin must not outlive a record that cannot be read. */
static int unpin_damaged(
	const struct wb_gate_host *h, const struct wb_error *why, int r, struct wb_error *err)
{
	WB_CLEAN_TRIAL t = {};

	if (r == -EBADMSG && wb_trial_read_runs(h->sys->files, &t, NULL) == 0)
		wb_gate_unpin(h, &t, NULL);
	return wb_fail(err, r, "%s", why->text);
}

int wb_gate_run(const struct wb_gate_host *h, struct wb_trial *ret, struct wb_error *err)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_TRIAL t = {};
	struct wb_error why = {};
	int r;

	/* This kernel only saves the memory of one that has crashed. */
	if (files->exists(files->ctx, "/proc/vmcore"))
		return 0;
	r = wb_trial_read(files, &t, &why);
	if (r == -ENOENT) {
		h->sys->remove_file(h->sys->ctx, WB_TRIAL_RUNS);
		return 0;
	}
	if (r < 0)
		return unpin_damaged(h, &why, r, err);
	r = judge(h, &t, err);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct wb_trial){};
	return 0;
}
