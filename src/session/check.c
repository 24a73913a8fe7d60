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
