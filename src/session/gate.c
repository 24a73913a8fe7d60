// SPDX-License-Identifier: LGPL-2.1-or-later
/* The health gate: from the file of the trial to the verdict, and what follows from it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "jump/record.h"
#include "session/gate-parts.h"
#include "systemd/health.h"

/* The pause between two looks. */
#define PAUSE_MS 500
/* So long `warmboot reboot` may prepare a jump. */
#define JUMP_MS (10 * 60 * 1000)
#define SECOND UINT64_C(1000000000)
/* The phases of a failure that only this file tells. */
#define BEFORE_USER_SPACE "before the new kernel's user space"
#define USER_SPACE "user space"

static void say(const struct wb_gate_host *h, const char *sentence)
{
	if (h->say)
		h->say(h->arg, sentence);
}

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static int64_t wall_s(const struct wb_sys *sys)
{
	return (int64_t)(sys->wall_ns(sys->ctx) / SECOND);
}

/* ---- the end of a trial ---- */

/* The pin is taken back. A failure is a sentence in the trial, and the flag stays for the next try. */
static int unpin(const struct wb_gate_host *h, const struct wb_trial *t, struct wb_error *err)
{
	const struct wb_pin pin = wb_trial_pin(t);
	int r = pin.loader ? wb_pin_clear(h->sys, &pin, err) : 0;

	return r < 0 ? r : h->sys->remove_file(h->sys->ctx, WB_TRIAL_RUNS);
}

/* The administrator's own values hold from here on. Those of sysctl.d(5) are in force already. */
static void end_panic_words(const struct wb_gate_host *h, const struct wb_trial *t)
{
	const struct wb_files *files = h->sys->files;

	if (!t->panic)
		return;
	if (wb_read_number(files, "/proc/sys/kernel/panic") == 10)
		h->runner->poke(h->runner->ctx, "/proc/sys/kernel/panic", "0");
	if (wb_read_number(files, "/proc/sys/kernel/panic_on_oops") == 1)
		h->runner->poke(h->runner->ctx, "/proc/sys/kernel/panic_on_oops", "0");
}

static int write_verdict(const struct wb_gate_host *h, struct wb_trial *t,
	enum wb_trial_verdict verdict, const char *why, struct wb_error *err)
{
	WB_CLEAN_TRACES now = {};

	if (wb_traces_read(h->sys->files, &now) < 0)
		return wb_oom(err);
	t->verdict = verdict;
	t->waits = false;
	t->judged = wall_s(h->sys);
	wb_text_replace(&t->judged_boot, now.boot_id);
	wb_text_replace(&t->why, why);
	return wb_trial_write(h->sys, t, err);
}

static void pass(const struct wb_gate_host *h, const struct wb_trial *t)
{
	struct wb_error why = {};

	end_panic_words(h, t);
	if (unpin(h, t, &why) < 0)
		say(h, why.text);
}

/* Another jump has left the kernel on trial, or the file is of no jump to this boot. */
static int leave(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	int r = write_verdict(
		h, t, WB_TRIAL_LEFT, "another jump left that kernel before it was judged", err);

	return r < 0 ? r : unpin(h, t, err);
}

/* ---- a jump that ended in the firmware ---- */

static int tell_where(struct wb_trial *t, const struct wb_traces *now)
{
	WB_CLEAN_STR done =
		wb_strf("the firmware started %s%s", now->release ? now->release : "a kernel",
			t->from && now->release && !strcmp(t->from, now->release)
				? t->pin_loader ? ", the kernel from before, to which it was pinned"
						: ", the kernel from before"
				: "");

	wb_text_replace(&t->done, done);
	return t->done ? 0 : -ENOMEM;
}

static int judge_firmware(const struct wb_gate_host *h, struct wb_trial *t,
	const struct wb_traces *now, struct wb_error *err)
{
	WB_CLEAN_STR why = NULL;
	WB_CLEAN_STR evidence = NULL;
	WB_CLEAN_STR sentence = NULL;
	int r = wb_gate_evidence(h->sys->files, &t->records, &why, &evidence);

	if (r == 0)
		r = tell_where(t, now);
	if (r < 0)
		return wb_oom(err);
	if (!t->phase)
		wb_text_replace(&t->phase, BEFORE_USER_SPACE);
	wb_text_replace(&t->evidence, evidence ? evidence : "no record of pstore or of a watchdog");
	sentence = wb_strf("the machine came up through its firmware: %s",
		why ? why : "it was reset, or lost its power, and nothing says why");
	if (!sentence || !t->phase || !t->evidence)
		return wb_oom(err);
	r = write_verdict(h, t, WB_TRIAL_BAD, sentence, err);
	if (r < 0)
		return r;
	/* A reset may have another reason than the kernel, unless the kernel said so. */
	wb_gate_note(h, t, false, why ? WB_PAIR_PHASE_FIRST_LINE : WB_PAIR_PHASE_UNKNOWN);
	return unpin(h, t, err);
}

/* ---- a kernel that runs ---- */

static bool is_over(const struct wb_gate_host *h, uint64_t until_ns)
{
	return h->ops->boot_ns(h->ops->ctx) >= until_ns;
}

/* Has a person judged meanwhile? */
static bool is_judged(const struct wb_gate_host *h, const struct wb_trial *t)
{
	WB_CLEAN_TRIAL there = {};

	return wb_trial_read(h->sys->files, &there, NULL) < 0 || there.verdict != WB_TRIAL_OPEN ||
	       !same(there.boot_id, t->boot_id);
}

/* 1: something is worth waiting for. */
static int look_once(const struct wb_gate_host *h, const struct wb_trial *t, bool last,
	struct wb_gate_facts *facts)
{
	int boot = wb_gate_look_at_boot(h, last, facts), kept = 0, probes = 0;

	if (boot == 0)
		kept = wb_gate_look_at_kept(h, t, last, facts);
	if (boot == 0 && kept == 0)
		probes = wb_gate_look_at_probes(h, last, facts);
	return boot ? boot : kept ? kept : probes;
}

static int look(const struct wb_gate_host *h, const struct wb_trial *t, struct wb_gate_facts *ret)
{
	const uint64_t until_ns = (uint64_t)t->deadline_s * SECOND;
	int r;

	for (;;) {
		WB_CLEAN_GATE_FACTS facts = {};
		bool last = is_over(h, until_ns);

		r = look_once(h, t, last, &facts);
		if (r == 1 && is_judged(h, t))
			return 0;
		if (r == 1) {
			h->ops->pause(h->ops->ctx, PAUSE_MS);
			continue;
		}
		*ret = facts;
		facts = (struct wb_gate_facts){};
		break;
	}
	if (r >= 0)
		r = wb_gate_look_at_target(h, until_ns, ret);
	if (r == 0)
		r = wb_gate_programs(h->sys->files, h->ops, h->runner, until_ns, ret);
	/* Last, since a check may be a unit, too. */
	return r < 0 ? r : wb_gate_look_at_units(h, t, ret);
}

/* 1: a person has judged; 0: nobody did in time. */
static int wait_for_person(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	const uint64_t until_ns = h->ops->boot_ns(h->ops->ctx) + (uint64_t)t->confirm_s * SECOND;
	int r;

	t->waits = true;
	r = wb_trial_write(h->sys, t, err);
	if (r < 0)
		return r;
	say(h, "the gate has passed; now \"warmboot confirm\" or \"warmboot fall-back\" is waited "
	       "for");
	while (!is_judged(h, t)) {
		if (is_over(h, until_ns))
			return 0;
		h->ops->pause(h->ops->ctx, PAUSE_MS);
	}
	return 1;
}

int wb_gate_act(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	const char *const jump[] = {
		"/proc/self/exe", "reboot", "--guard=off", t->back ? t->back : "", NULL};
	struct wb_error why = {};
	int r = 0;

	if (t->action == WB_TRIAL_TELL)
		return 0;
	if (t->action == WB_TRIAL_JUMP_BACK && t->back) {
		wb_text_replace(&t->done, "it jumped back to the kernel from before");
		if (wb_trial_write(h->sys, t, err) < 0)
			return err ? err->code : -EIO;
		r = wb_run_for(h->runner, jump, JUMP_MS, NULL, &why);
		if (r == 0)
			return 0;
		say(h, why.text);
	}
	wb_text_replace(&t->done,
		t->pin_loader ? "it rebooted through the firmware, to the kernel from before"
			      : "it rebooted through the firmware");
	if (wb_trial_write(h->sys, t, err) < 0)
		return err ? err->code : -EIO;
	return wb_systemd_reboot(h->runner, err);
}

/*
 * A watchdog that guards the boot need not bite any more. It may where the boot hangs, and where the machine is to be
 * reset anyway.
 */
static void call_off_watchdog(const struct wb_gate_host *h)
{
	h->sys->write_file(h->sys->ctx, WB_GATE_PASSED, (struct wb_bytes){}, 0644);
}

static int finish(const struct wb_gate_host *h, struct wb_trial *t, enum wb_trial_verdict verdict,
	const char *why, struct wb_error *err)
{
	int r;

	if (verdict == WB_TRIAL_BAD) {
		wb_text_replace(&t->phase, USER_SPACE);
		wb_text_replace(&t->evidence, "the health gate");
	}
	r = write_verdict(h, t, verdict, why, err);
	if (r < 0)
		return r;
	wb_gate_note(h, t, true, WB_PAIR_PHASE_GATE);
	if (verdict != WB_TRIAL_BAD) {
		pass(h, t);
		return 0;
	}
	return wb_gate_act(h, t, err);
}

static int judge_running(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	WB_CLEAN_GATE_FACTS facts = {};
	WB_CLEAN_STR why = NULL;
	enum wb_trial_verdict verdict;
	int r;

	/* From here on a failure is one of user space. */
	wb_text_replace(&t->phase, USER_SPACE);
	r = wb_trial_write(h->sys, t, err);
	if (r < 0)
		return r;
	r = look(h, t, &facts);
	if (r == 0)
		r = wb_gate_judge(&facts, &verdict, &why);
	if (r < 0)
		return wb_oom(err);
	if (is_judged(h, t))
		return wb_trial_again(h, t, err);
	free(t->phase);
	t->phase = NULL;
	if (verdict != WB_TRIAL_BAD || (!facts.hangs && t->action != WB_TRIAL_REBOOT))
		call_off_watchdog(h);
	if (verdict != WB_TRIAL_BAD && t->manual) {
		r = wait_for_person(h, t, err);
		if (r < 0)
			return r;
		if (r > 0)
			return wb_trial_again(h, t, err);
		return finish(h, t, WB_TRIAL_BAD, "nobody confirmed the kernel in time", err);
	}
	return finish(h, t, verdict, why, err);
}

int wb_trial_again(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
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

static int judge(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	WB_CLEAN_RECORD rec = {};
	WB_CLEAN_TRACES now = {};
	const char *number;

	if (wb_traces_read(h->sys->files, &now) < 0)
		return wb_oom(err);
	/* The jump has not happened yet. */
	if (same(now.boot_id, t->boot_id))
		return 0;
	number = wb_jump_number(
		wb_record_read(h->sys->files, WB_RECORD_JUMP, &rec, NULL) == 0 ? &rec : NULL, &now);
	if (t->verdict != WB_TRIAL_OPEN)
		return unpin(h, t, err);
	if (number && same(number, t->nonce))
		return judge_running(h, t, err);
	if (number || now.by_kexec)
		return leave(h, t, err);
	return judge_firmware(h, t, &now, err);
}

int wb_gate_run(const struct wb_gate_host *h, struct wb_trial *ret, struct wb_error *err)
{
	WB_CLEAN_TRIAL t = {};
	struct wb_error why = {};
	int r = wb_trial_read(h->sys->files, &t, &why);

	if (r == -ENOENT) {
		h->sys->remove_file(h->sys->ctx, WB_TRIAL_RUNS);
		return 0;
	}
	if (r < 0)
		return wb_fail(err, r, "%s", why.text);
	r = judge(h, &t, err);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct wb_trial){};
	return 0;
}

/* ---- a person's word ---- */

static int read_open(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err)
{
	WB_CLEAN_TRACES now = {};
	struct wb_error why = {};
	int r = wb_trial_read(h->sys->files, t, &why);

	if (r < 0 && r != -ENOENT)
		return wb_fail(err, r, "%s", why.text);
	if (r == 0 && wb_traces_read(h->sys->files, &now) < 0)
		return wb_oom(err);
	if (r < 0 || same(now.boot_id, t->boot_id) || t->verdict == WB_TRIAL_LEFT)
		return wb_fail(err, -ENOENT, "no kernel is on trial");
	if (t->verdict != WB_TRIAL_OPEN && !same(t->judged_boot, now.boot_id))
		return wb_fail(err, -ENOENT,
			"no kernel is on trial: the last one was judged in an earlier boot");
	return 0;
}

int wb_gate_confirm(const struct wb_gate_host *h, struct wb_error *err)
{
	WB_CLEAN_TRIAL t = {};
	struct wb_error why = {};
	int r = read_open(h, &t, err);

	if (r == 0)
		r = write_verdict(h, &t, WB_TRIAL_GOOD, "a person confirmed it", err);
	if (r < 0)
		return r;
	wb_gate_note(h, &t, true, WB_PAIR_PHASE_GATE);
	end_panic_words(h, &t);
	h->sys->write_file(h->sys->ctx, WB_GATE_PASSED, (struct wb_bytes){}, 0644);
	r = unpin(h, &t, &why);
	return r < 0 ? wb_fail(err, r, "%s", why.text) : 0;
}

int wb_gate_reject(
	const struct wb_gate_host *h, bool firmware, char **ret_back, struct wb_error *err)
{
	WB_CLEAN_TRIAL t = {};
	int r = read_open(h, &t, err);

	if (r < 0)
		return r;
	if (firmware && !t.pin_loader)
		return wb_fail(err, -EOPNOTSUPP,
			"the firmware is not pinned to the kernel from before%s%s; \"warmboot "
			"fall-back\" "
			"jumps to it",
			t.no_pin ? ": " : "", t.no_pin ? t.no_pin : "");
	if (!firmware && !t.back)
		return wb_fail(
			err, -ENOENT, "it is not known which entry the kernel from before has");
	wb_text_replace(&t.phase, USER_SPACE);
	wb_text_replace(&t.evidence, "a person's word");
	wb_text_replace(
		&t.done, firmware ? "it rebooted through the firmware, to the kernel from before"
				  : "it jumped back to the kernel from before");
	if (!firmware) {
		*ret_back = strdup(t.back);
		if (!*ret_back)
			return wb_oom(err);
	}
	r = write_verdict(h, &t, WB_TRIAL_BAD, "a person sent it away", err);
	if (r == 0)
		wb_gate_note(h, &t, true, WB_PAIR_PHASE_UNKNOWN);
	if (r < 0 || !firmware)
		return r;
	return wb_systemd_reboot(h->runner, err);
}

int wb_gate_wait(
	const struct wb_gate_host *h, int64_t seconds, struct wb_trial *ret, struct wb_error *err)
{
	const uint64_t until_ns =
		h->ops->boot_ns(h->ops->ctx) + (uint64_t)(seconds > 0 ? seconds : 0) * SECOND;

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
		if (seconds > 0 && is_over(h, until_ns))
			return wb_fail(err, -ETIME, "the kernel is not judged after %lld s",
				(long long)seconds);
		h->ops->pause(h->ops->ctx, PAUSE_MS);
	}
}
