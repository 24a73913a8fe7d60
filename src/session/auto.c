// SPDX-License-Identifier: LGPL-2.1-or-later
/* One run of staging by itself, and the last look at what it has staged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "session/auto.h"
#include "session/auto-target.h"
#include "session/check.h"
#include "session/record.h"
#include "session/request.h"

bool wb_auto_is_on(const struct wb_files *files)
{
	return files->exists(files->ctx, WB_AUTO_SWITCH) &&
	       !files->exists(files->ctx, WB_AUTO_OFF_ONCE);
}

bool wb_auto_is_loaded(const struct wb_sys *sys, const struct wb_auto_record *rec)
{
	WB_CLEAN_RECORD staged = {};

	return rec->nonce && wb_is_loaded(sys) &&
	       wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) == 0 && staged.nonce &&
	       !strcmp(staged.nonce, rec->nonce);
}

/* A record that cannot be read names no load, so what is loaded counts as somebody else's. */
static void read_record(const struct wb_sys *sys, struct wb_auto_record *ret)
{
	wb_auto_record_read(sys->files, ret, NULL);
}

static int unload(const struct wb_sys *sys, struct wb_error *err)
{
	int r = wb_unload(sys, err);

	if (r == 0)
		sys->remove_file(sys->ctx, WB_RECORD_STAGED);
	return r;
}

/* Unload what an earlier run has loaded. 1: it was; 0: nothing of it is loaded. */
static int unload_own(
	const struct wb_sys *sys, const struct wb_auto_record *old, struct wb_error *err)
{
	int r = wb_auto_is_loaded(sys, old) ? 1 : 0;

	if (r == 1 && unload(sys, err) < 0)
		return err ? err->code : -EIO;
	return r;
}

/* Nothing is staged, for this reason. */
static int settle(const struct wb_sys *sys, const struct wb_auto_record *old,
	enum wb_auto_state state, const char *why, struct wb_auto_record *ret, struct wb_error *err)
{
	WB_CLEAN_AUTO_RECORD rec = {.state = state};
	int r = unload_own(sys, old, err);

	if (r < 0)
		return r;
	wb_text_replace(&rec.why, why);
	r = wb_auto_record_write(sys, &rec, err);
	if (r < 0)
		return r;
	*ret = rec;
	rec = (struct wb_auto_record){};
	return 0;
}

/* The kernel that an earlier run has loaded stays, if there is one, with this reason on record. */
static int stay(const struct wb_sys *sys, struct wb_auto_record *old, enum wb_auto_state state,
	const char *why, struct wb_auto_record *ret, struct wb_error *err)
{
	old->state = state;
	wb_text_replace(&old->why, why);
	*ret = *old;
	*old = (struct wb_auto_record){};
	return wb_auto_record_write(sys, ret, err);
}

int wb_auto_drop(const struct wb_session_host *h, enum wb_auto_state state, const char *why,
	bool *ret_left, struct wb_error *err)
{
	WB_CLEAN_AUTO_RECORD old = {}, new = {};
	int r;

	read_record(h->sys, &old);
	r = settle(h->sys, &old, state, why, &new, err);
	if (r == 0)
		*ret_left = wb_is_loaded(h->sys);
	return r;
}

/* ---- a run ---- */

/* Ask the preflight. 0: nothing severe speaks against a jump. */
static int ask_checks(const struct wb_auto_host *a, struct wb_error *err)
{
	WB_CLEAN_CHECKED checked = {};
	int r = wb_session_check(a->session->sys, a->checks, a->ctx, "default", &checked, err);

	for (size_t i = 0; r == 0 && i < checked.findings.n; i++) {
		const struct wb_finding *f = &checked.findings.items[i];

		/* Programs that inhibit a shutdown do so at the shutdown, or not. */
		if (f->severity == WB_SEVERITY_SEVERE && !f->silenced &&
			strcmp(f->id, wb_check_inhibitors.id))
			r = wb_fail(err, -EPERM, "the check \"%s\" refuses it: %s", f->id, f->what);
	}
	return r;
}

/* Load the kernel, and describe the load in *ret. */
static int load(const struct wb_auto_host *a, const struct wb_auto_target *target,
	struct wb_auto_record *ret, struct wb_error *err)
{
	/* The words of "warmboot load default", for a session that has to load it once more. */
	const struct wb_session_options options = {
		.size = sizeof(options), .entry = "default", .words = "default\n"};
	const struct wb_session_host *h = a->session;
	WB_CLEAN_REQUEST req = {};
	WB_CLEAN_RECORD staged = {};
	struct wb_stage *stage;
	int r = wb_request_from(h, &options, &req, err);

	if (r < 0)
		return r;
	/* Without it, nobody would know whose kernel is loaded. */
	req.must_record = true;
	r = wb_request_stage(h, &req, &stage, err);
	if (r < 0)
		return r;
	ret->state = WB_AUTO_STAGED;
	ret->bytes =
		(int64_t)(wb_stage_info(stage).kernel_bytes + wb_stage_info(stage).initrd_bytes);
	wb_stage_free(stage);
	r = wb_record_read(h->sys->files, WB_RECORD_STAGED, &staged, err);
	if (r < 0)
		return r;
	wb_text_replace(&ret->nonce, staged.nonce);
	wb_text_replace(&ret->entry, target->entry);
	wb_text_replace(&ret->kernel, target->kernel);
	wb_text_replace(&ret->release, staged.to);
	wb_text_replace(&ret->print, target->print);
	return ret->nonce && ret->print ? 0 : wb_oom(err);
}

static const char changing[] = "the files of the kernel are being changed";

/* The kernel is loaded, but it may be made of files of two times, or nobody knows whose it is. */
static int confirm(const struct wb_auto_host *a, struct wb_auto_record *rec, struct wb_error *err)
{
	const struct wb_sys *sys = a->session->sys;
	WB_CLEAN_AUTO_TARGET now = {};
	int r = wb_auto_target_find(sys, &now, err);

	if (r == 0 && strcmp(now.print, rec->print))
		r = wb_fail(err, -EAGAIN, "%s", changing);
	if (r == 0)
		r = wb_auto_record_write(sys, rec, err);
	return r;
}

static int stage(const struct wb_auto_host *a, const struct wb_auto_target *target,
	struct wb_auto_record *ret, struct wb_error *err)
{
	WB_CLEAN_AUTO_RECORD rec = {};
	int r = ask_checks(a, err);

	if (r < 0)
		return r;
	r = load(a, target, &rec, err);
	if (r < 0 && rec.state != WB_AUTO_STAGED)
		return r;
	if (r == 0)
		r = confirm(a, &rec, err);
	if (r < 0) {
		unload(a->session->sys, NULL);
		return r;
	}
	*ret = rec;
	rec = (struct wb_auto_record){};
	return 0;
}

/* 1: the kernel that is loaded stays; *ret is its record. */
static int leave(const struct wb_sys *sys, struct wb_auto_record *old,
	const struct wb_auto_target *target, struct wb_auto_record *ret, struct wb_error *err)
{
	if (wb_auto_is_loaded(sys, old)) {
		if (!old->print || strcmp(old->print, target->print))
			return 0;
		/* A run that was interrupted by a package manager has said that another one follows. */
		return stay(sys, old, WB_AUTO_STAGED, NULL, ret, err) < 0 ? err->code : 1;
	}
	if (!wb_is_loaded(sys))
		return 0;
	return settle(sys, old, WB_AUTO_FOREIGN,
		       "a kernel is loaded that somebody else has staged: it stays until it is "
		       "unloaded (\"warmboot unload\")",
		       ret, err) < 0
		       ? err->code
		       : 1;
}

/* Other packages may still change what would be staged. A kernel that is loaded stays: the shutdown looks once more. */
static int wait_for(const struct wb_sys *sys, struct wb_auto_record *old, int pid, const char *lock,
	struct wb_auto_record *ret, struct wb_error *err)
{
	WB_CLEAN_STR why =
		pid > 0 ? wb_strf("a package manager is at work (process %d has %s)", pid, lock)
			: wb_strf("only root sees whether a package manager has %s", lock);

	return why ? stay(sys, old, WB_AUTO_BUSY, why, ret, err) : wb_oom(err);
}

static int run(const struct wb_auto_host *a, struct wb_auto_record *old, struct wb_auto_record *ret,
	struct wb_error *err)
{
	const struct wb_sys *sys = a->session->sys;
	WB_CLEAN_AUTO_TARGET target = {};
	struct wb_error why = {};
	const char *lock;
	int r = wb_package_manager(a->checks, a->ctx, &lock);

	if (r != 0)
		return wait_for(sys, old, r, lock, ret, err);
	r = wb_auto_target_find(sys, &target, &why);
	if (r == 0)
		r = leave(sys, old, &target, ret, &why);
	if (r == 1)
		return 0;
	if (r == 0)
		r = stage(a, &target, ret, &why);
	if (r == 0)
		return 0;
	if (r == -ENOMEM) {
		if (err)
			*err = why;
		return r;
	}
	r = settle(sys, old, r == -EAGAIN ? WB_AUTO_BUSY : WB_AUTO_REFUSED, why.text, ret, err);
	/* kernel.kexec_load_disabled forbids an unload, too. */
	return r == -EPERM ? stay(sys, old, WB_AUTO_REFUSED, err->text, ret, err) : r;
}

int wb_auto_run(const struct wb_auto_host *a, struct wb_auto_record *ret, struct wb_error *err)
{
	const struct wb_sys *sys = a->session->sys;
	WB_CLEAN_AUTO_RECORD old = {};
	struct wb_error local = {};
	int r;

	err = err ? err : &local;
	if (!sys->may_boot(sys->ctx))
		return wb_fail(err, -EPERM,
			"this needs the capability CAP_SYS_BOOT; run it as root or with sudo");
	read_record(sys, &old);
	if (wb_auto_is_on(sys->files))
		r = run(a, &old, ret, err);
	else
		r = settle(sys, &old, WB_AUTO_OFF, "staging by itself is off", ret, err);
	return r;
}

/* ---- the shutdown ---- */

int wb_auto_fits(const struct wb_sys *sys, struct wb_error *err)
{
	WB_CLEAN_AUTO_RECORD rec = {};
	WB_CLEAN_AUTO_TARGET now = {};

	read_record(sys, &rec);
	if (!wb_auto_is_loaded(sys, &rec))
		return 0;
	if (!wb_auto_is_on(sys->files))
		return wb_fail(err, -ESTALE, "staging by itself is off");
	if (wb_auto_target_find(sys, &now, err) < 0)
		return err ? wb_fail_in(err, -ESTALE, "not known what a plain reboot would boot: ")
			   : -ESTALE;
	if (!rec.print || strcmp(rec.print, now.print))
		return wb_fail(err, -ESTALE,
			"the staged kernel (%s) is not what a plain reboot would boot now (%s), or "
			"its files were changed since",
			rec.entry ? rec.entry : "?", now.entry);
	return 1;
}

int wb_auto_last_look(const struct wb_session_host *h, bool jumps, struct wb_error *err)
{
	const struct wb_sys *sys = h->sys;
	WB_CLEAN_AUTO_RECORD rec = {};
	struct wb_error why = {};
	const char *asked;
	int r;

	if (wb_jump_is_recorded(sys))
		return 0;
	read_record(sys, &rec);
	if (!wb_auto_is_loaded(sys, &rec))
		return 0;
	if (wb_auto_firmware_is_asked(sys->files, &asked))
		wb_fail(&why, -ESTALE, "%s, and a jump would pass over it", asked);
	else if (wb_auto_fits(sys, &why) == 1)
		return 0;
	r = unload(sys, err);
	if (r < 0)
		return r;
	if (jumps)
		wb_auto_note_add(h, why.text, NULL);
	wb_tell_warning(h, "the staged kernel is unloaded: %s", why.text);
	return 1;
}
