// SPDX-License-Identifier: LGPL-2.1-or-later
/* Assembling the status of the machine, and recording the part of it that ends with this boot. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "entry/entry.h"
#include "session/request.h"
#include "session/status.h"
#include "session/watchdog.h"
#include "systemd/systemctl.h"

/* Limit of a question to systemd: a status is not to be waited for. */
#define ASK_MS 5000

static bool read_flag(const struct wb_files *files, const char *path)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, path, WB_SMALL_FILE, &b, NULL) == 0 && b.data[0] == '1';
}

static int find_blockers(const struct wb_sys *sys, struct wb_status *s)
{
	struct wb_policy as_root = s->policy;
	WB_CLEAN_ENTRIES all = {};
	struct wb_error err = {};
	int r = 0;

	/* Each gate is checked alone, because the check names only the first that is shut. */
	if (!s->policy.may_boot) {
		if (wb_policy_check(&s->policy, true, &err) < 0)
			r = wb_strv_add(&s->blockers, err.text);
		as_root.may_boot = true;
	}
	if (r == 0 && wb_policy_check(&as_root, true, &err) < 0)
		r = wb_strv_add(&s->blockers, err.text);
	if (r == 0 && as_root.signature && wb_policy_check(&as_root, false, &err) == -EPERM &&
		!as_root.disabled && !as_root.no_kexec)
		r = wb_strv_add(&s->blockers, err.text);
	if (r < 0 || s->loaded)
		return r;
	if (wb_entries_find(sys->files, &all, &err) < 0)
		return wb_strv_add(&s->blockers, err.text);
	if (!all.n)
		return wb_strv_add(&s->blockers, "no boot entry was found in /boot, /efi or "
						 "/usr/lib/modules; name files with "
						 "warmboot load --kernel");
	return 0;
}

static int read_all(const struct wb_sys *sys, struct wb_status *s, struct wb_error *err)
{
	int r;

	wb_policy_read(sys, WB_TARGET_REBOOT, &s->policy);
	s->loaded = wb_is_loaded(sys);
	s->crash_loaded = read_flag(sys->files, "/sys/kernel/kexec_crash_loaded");
	s->crash_size = (int64_t)wb_read_number(sys->files, "/sys/kernel/kexec_crash_size");
	if (wb_traces_read(sys->files, &s->traces) < 0)
		return wb_oom(err);
	r = wb_record_read(sys->files, WB_RECORD_JUMP, &s->jump, &s->unreadable);
	s->have_jump = r == 0;
	s->have_trial = wb_trial_read(sys->files, &s->trial, NULL) == 0;
	if (s->loaded) {
		int got = wb_record_read(sys->files, WB_RECORD_STAGED, &s->staged, NULL);

		s->have_staged = got == 0;
		s->staged_is_secret = got == -EACCES;
		s->by_itself = wb_auto_record_read(sys->files, &s->by, NULL) == 0 &&
			       wb_auto_is_loaded(sys, &s->by);
	}
	s->guard_state = wb_watch_state(sys->files);
	s->verdict = wb_judge(s->have_jump ? &s->jump : NULL, &s->traces);
	if (r < 0 && r != -ENOENT && s->verdict.outcome == WB_OUTCOME_NONE) {
		s->verdict.outcome = WB_OUTCOME_UNKNOWN;
		s->verdict.why = s->unreadable.text;
	}
	r = find_blockers(sys, s);
	return r < 0 ? wb_oom(err) : 0;
}

int wb_status_read(const struct wb_sys *sys, struct wb_status *ret, struct wb_error *err)
{
	int r;

	*ret = (struct wb_status){};
	r = read_all(sys, ret, err);
	if (r < 0)
		wb_status_deinit(ret);
	return r;
}

void wb_status_deinit(struct wb_status *s)
{
	wb_traces_deinit(&s->traces);
	wb_record_deinit(&s->staged);
	wb_auto_record_deinit(&s->by);
	wb_record_deinit(&s->jump);
	wb_trial_deinit(&s->trial);
	wb_strv_deinit(&s->blockers);
	*s = (struct wb_status){};
}

const char *wb_status_last_jump(const struct wb_status *s)
{
	enum wb_outcome o = s->verdict.outcome;

	return o == WB_OUTCOME_NONE || o == WB_OUTCOME_NOT_HAPPENED ? NULL : s->jump.nonce;
}

/* ---- the record ---- */

static char *copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

/* The traces of a jump exist only in the boot after it; a written verdict is still known in later ones. */
static int write_verdict(const struct wb_sys *sys, const struct wb_status *s, struct wb_error *err)
{
	const struct wb_verdict *v = &s->verdict;
	WB_CLEAN_RECORD rec = {};

	if (v->outcome == WB_OUTCOME_NONE || v->outcome == WB_OUTCOME_NOT_HAPPENED ||
		s->jump.judged_boot)
		return 0;
	rec = (struct wb_record){
		.entry = copy(s->jump.entry),
		.kernel = copy(s->jump.kernel),
		.from = copy(v->from),
		.to = copy(v->to),
		.method = copy(v->method),
		.initramfs = copy(s->jump.initramfs),
		.why = copy(s->jump.why),
		.guard = copy(s->jump.guard),
		.nonce = copy(s->jump.nonce),
		.boot_id = copy(s->jump.boot_id),
		.time = v->when,
		.outcome = v->outcome,
		.judged_boot = copy(s->traces.boot_id),
		.judged_why = copy(v->why),
	};
	if (wb_strv_copy(&s->jump.forced, &rec.forced) < 0)
		return wb_oom(err);
	return wb_record_write(sys, WB_RECORD_JUMP, &rec, err);
}

/*
 * Wipe the stores of services, because a power cycle does not clear a disk, and not always memory. No
 * service is restored from one after this point. Whole stores of files stay.
 */
static int wipe_left(
	const struct wb_files *files, const struct wb_store_env *store, struct wb_error *err)
{
	/* This kernel was started by a crash, whose memory it must not change. */
	if (files->exists(files->ctx, "/proc/vmcore"))
		return 0;
	return wb_store_wipe_left(store, true, err);
}

/* Copy the results of kept units to where they outlive this boot. */
static int write_result(const struct wb_sys *sys, struct wb_error *err)
{
	WB_CLEAN_RESULT result = {};

	if (wb_result_read(sys->files, WB_RESULT, &result, NULL) < 0)
		return 0;
	return wb_result_write(sys, WB_RESULT_LAST, &result, err);
}

int wb_status_record(const struct wb_sys *sys, const struct wb_store_env *store,
	const struct wb_status *s, struct wb_error *err)
{
	struct wb_error why[3] = {};
	const int r[3] = {wipe_left(sys->files, store, &why[0]), write_verdict(sys, s, &why[1]),
		write_result(sys, &why[2])};

	for (size_t i = 0; i < 3; i++)
		if (r[i] < 0)
			return wb_fail(err, r[i], "%s", why[i].text);
	return 0;
}

/* ---- the units ---- */

const char *wb_status_outcome(const struct wb_runner *runner, const struct wb_unit_result *u)
{
	struct wb_unit_moment now;

	if (wb_keep_way(u->how)->outcome)
		return wb_keep_way(u->how)->outcome;
	if (wb_unit_moment_read(runner, u->unit, ASK_MS, &now) < 0 || !strcmp(now.active, "active"))
		return "restarted";
	return now.job || !strcmp(now.active, "activating") ? "starting" : "failed";
}

int wb_status_differences(
	struct wb_replay_host *host, struct wb_differences *ret, struct wb_error *ret_why)
{
	WB_CLEAN_STRV ended = {};
	int r;

	if (wb_result_ended(host->sys->files, &ended) < 0)
		return wb_oom(ret_why);
	host->ended = &ended;
	r = wb_replay_compare(host, ret, ret_why);
	host->ended = NULL;
	/* Only systemd's units are recorded, so nothing is missing under another init. */
	if (r < 0 && (r != -ENODATA || !wb_systemd_here(host->sys->files)))
		ret_why->text[0] = '\0';
	return r;
}
