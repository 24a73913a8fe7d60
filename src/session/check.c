// SPDX-License-Identifier: LGPL-2.1-or-later
/* The next kernel as the checks need to know it, and their run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry/entry.h"
#include "session/check.h"
#include "session/pairs.h"
#include "session/request.h"

void wb_checked_deinit(struct wb_checked *checked)
{
	free(checked->entry);
	free(checked->kernel);
	free(checked->release);
	wb_findings_deinit(&checked->findings);
	*checked = (struct wb_checked){};
}

/* A bare kernel has no command line of its own and gets that of the running one. */
static int cmdline_of(
	const struct wb_files *files, const struct wb_entry *e, char **ret, struct wb_error *err)
{
	WB_CLEAN_BLOB running = {};
	int r;

	if (e->cmdline) {
		*ret = strdup(e->cmdline);
		return *ret ? 0 : wb_oom(err);
	}
	r = files->read(files->ctx, "/proc/cmdline", 1 << 20, &running, err);
	if (r < 0)
		return r;
	return wb_reusable_cmdline((const char *)running.data, ret) < 0 ? wb_oom(err) : 0;
}

static int check_entry(const struct wb_sys *sys, const struct wb_entry *e,
	struct wb_check_facts *facts, struct wb_checked *c, struct wb_error *err)
{
	WB_CLEAN_STR cmdline = NULL;
	WB_CLEAN_PAIR_IDS ids = {};
	struct wb_policy policy;
	int r = cmdline_of(sys->files, e, &cmdline, err);

	if (r < 0)
		return r;
	if (wb_session_pair(sys, e, &ids) < 0)
		return wb_oom(err);
	c->entry = strdup(e->id);
	c->kernel = strdup(e->kernel);
	c->release = strdup(e->release ? e->release : "");
	if (!c->entry || !c->kernel || !c->release)
		return wb_oom(err);
	wb_policy_read(sys, WB_TARGET_REBOOT, &policy);
	/* A jump is root's matter, whoever asks now. */
	policy.may_boot = true;
	facts->policy = &policy;
	facts->entry = c->entry;
	facts->lacks = e->lacks;
	facts->kernel = c->kernel;
	facts->release = *c->release ? c->release : NULL;
	facts->cmdline = cmdline;
	facts->initrds = (const char *const *)e->initrds.items;
	facts->n_initrds = e->initrds.n;
	facts->from_id = ids.from;
	facts->to_id = ids.to;
	facts->from_name = ids.from_name;
	facts->to_name = ids.to_name;
	return wb_check_run(facts, &c->findings, err);
}

/* ---- as a step of a jump ---- */

static bool is_forced(const char *id, const char *const *force, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(id, force[i]))
			return true;
	return false;
}

static int decide(const struct wb_session_host *h, const struct wb_findings *found,
	const char *const *force, size_t n, struct wb_strv *ret_forced, struct wb_error *err)
{
	const struct wb_finding *first = NULL;
	size_t severe = 0;

	for (size_t i = 0; i < found->n; i++) {
		const struct wb_finding *f = &found->items[i];
		bool forced = is_forced(f->id, force, n);

		if (f->silenced || f->severity == WB_SEVERITY_NOTE)
			continue;
		if (f->severity == WB_SEVERITY_WARNING || forced)
			wb_tell_warning(h, "%s: %s (%s)", f->id, f->what, f->evidence);
		if (f->severity != WB_SEVERITY_SEVERE)
			continue;
		if (forced && wb_strv_add_once(ret_forced, f->id) < 0)
			return wb_oom(err);
		if (!forced && !severe++)
			first = f;
	}
	if (!severe)
		return 0;
	return wb_fail(err, -EPERM, "%s (%s): %s; --force-check=%s jumps all the same%s",
		first->what, first->evidence, first->remedy, first->id,
		severe > 1 ? ", and \"warmboot check\" tells what else there is" : "");
}

int wb_check_jump(const struct wb_session_host *h, const struct wb_request *req,
	const char *const *skip, const char *const *force, size_t n, struct wb_strv *ret_forced,
	struct wb_error *err)
{
	struct wb_check_facts facts = {.files = h->sys->files, .ops = h->checks};
	WB_CLEAN_FINDINGS found = {};
	WB_CLEAN_PAIR_IDS ids = {};
	struct wb_policy policy;
	int r;

	wb_policy_read(h->sys, WB_TARGET_REBOOT, &policy);
	facts.policy = &policy;
	if (req && req->options.kernel) {
		const struct wb_load_options *o = &req->options;
		const struct wb_entry next = {
			.kernel = (char *)o->kernel, .profile = o->uki_profile};

		if (wb_session_pair(h->sys, &next, &ids) < 0)
			return wb_oom(err);
		facts.from_id = ids.from;
		facts.to_id = ids.to;
		facts.from_name = ids.from_name;
		facts.to_name = ids.to_name;
		facts.entry = o->entry;
		facts.kernel = o->kernel;
		facts.release = o->release;
		facts.cmdline = o->cmdline ? o->cmdline : o->default_cmdline;
		facts.initrds = o->initrds;
		facts.n_initrds = o->n_initrds;
	}
	r = wb_check_run(&facts, &found, err);
	for (size_t i = 0; r == 0 && i < found.n; i++)
		for (const char *const *id = skip; *id; id++)
			found.items[i].silenced |= !strcmp(*id, found.items[i].id);
	return r < 0 ? r : decide(h, &found, force, n, ret_forced, err);
}

int wb_session_check(const struct wb_sys *sys, const struct wb_check_ops *ops, void *ctx,
	const char *entry, struct wb_checked *ret, struct wb_error *err)
{
	struct wb_check_facts facts = {.files = sys->files, .ops = ops, .ctx = ctx};
	WB_CLEAN_CHECKED checked = {};
	WB_CLEAN_ENTRIES entries = {};
	const struct wb_entry *e;
	int r = wb_entries_find(sys->files, &entries, err);

	if (r == 0)
		r = wb_entries_choose(&entries, entry ? entry : "default", &e, err);
	if (r == 0)
		r = check_entry(sys, e, &facts, &checked, err);
	if (r < 0)
		return r;
	*ret = checked;
	checked = (struct wb_checked){};
	return 0;
}
