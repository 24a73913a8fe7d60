// SPDX-License-Identifier: LGPL-2.1-or-later
/* The verdict on a unit: all rules in their order, and what follows from them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/judging.h"

void wb_keep_verdict_deinit(struct wb_keep_verdict *v)
{
	wb_strv_deinit(&v->reasons);
	wb_strv_deinit(&v->warnings);
	wb_strv_deinit(&v->breaches);
	wb_criu_image_deinit(&v->image);
	free(v->cgroup);
	free(v->speaks_to);
	wb_strv_deinit(&v->sockets);
	wb_stored_deinit(&v->stored);
	wb_strv_deinit(&v->files);
	wb_strv_deinit(&v->named);
	wb_strv_deinit(&v->later);
	json_decref(v->guest);
	wb_strv_deinit(&v->bound);
	wb_strv_deinit(&v->beside);
	for (size_t i = 0; i < v->nameless.n; i++)
		free(v->nameless.items[i].path);
	free(v->nameless.items);
	wb_strv_deinit(&v->places);
	wb_strv_deinit(&v->bindings);
	wb_net_ends_deinit(&v->ends);
	json_decref(v->container);
	*v = (struct wb_keep_verdict){};
}

static void count(struct wb_judging *j)
{
	const struct wb_procs *procs = j->f->procs;

	j->v.image.main_pid = j->f->systemd->main_pid;
	for (size_t i = 0; i < procs->n; i++) {
		const struct wb_proc *p = &procs->items[i];
		int64_t *pid = wb_list_add(&j->v.image.pids, sizeof(*pid));

		if (!pid)
			j->error = -ENOMEM;
		else
			*pid = p->pid;
		j->v.processes++;
		j->v.threads += (size_t)p->threads;
		j->v.bytes += (uint64_t)(p->resident + p->swapped);
		/* An estimate: a process usually starts its threads at once, so their numbers follow its own. */
		if (p->pid + p->threads > j->v.highest_pid)
			j->v.highest_pid = p->pid + p->threads;
	}
}

static int no_longer_runs(const struct wb_keep_facts *f, struct wb_error *err)
{
	static const char *const up[] = {"active", "reloading", "refreshing", "activating"};

	for (size_t i = 0; i < sizeof(up) / sizeof(*up); i++)
		if (is(f->systemd->active, up[i]))
			return 0;
	return wb_fail(err, -ESRCH, "%s is %s: there is nothing to keep", f->unit,
		f->systemd->active ? f->systemd->active : "not there");
}

/* The rules that need a main process. */
static void judge_processes(struct wb_judging *j, const struct wb_keep_config *config)
{
	wb_rules_tree(j);
	wb_rules_namespaces(j);
	wb_rules_network(j);
	wb_rules_ipc(j);
	for (size_t i = 0; i < j->f->procs->n; i++)
		wb_rules_files(j, &j->f->procs->items[i]);
	wb_travel_add_named(j, config);
	for (size_t i = 0; i < j->f->procs->n; i++)
		for (size_t k = 0; k < j->f->procs->items[i].watches.n; k++)
			wb_travel_add_watched(
				j, &j->f->procs->items[i], &j->f->procs->items[i].watches.items[k]);
}

int wb_judging_begin(struct wb_judging *j, struct wb_error *err)
{
	int r = no_longer_runs(j->f, err);

	if (r == 0)
		count(j);
	return r;
}

int wb_judging_end(struct wb_judging *j, struct wb_keep_verdict *ret, struct wb_error *err)
{
	if (j->f->criu && j->error == 0) {
		j->v.image.version = strdup(j->f->criu);
		if (!j->v.image.version)
			j->error = -ENOMEM;
	}
	if (j->f->systemd->cgroup && j->error == 0) {
		j->v.cgroup = strdup(j->f->systemd->cgroup);
		if (!j->v.cgroup)
			j->error = -ENOMEM;
	}
	if (j->error < 0) {
		wb_keep_verdict_deinit(&j->v);
		return wb_fail(err, j->error, "out of memory");
	}
	*ret = j->v;
	return j->v.reasons.n == 0;
}

int wb_judging_not_for(struct wb_judging *j, enum wb_keep_how how, const char *why,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	int r;

	if (!j->config || j->config->how != how)
		return 0;
	r = wb_judging_begin(j, err);
	if (r < 0)
		return r;
	wb_refuse(j, "%s", why);
	return wb_judging_end(j, ret, err);
}

int wb_judge_process(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct wb_judging j = {.f = facts, .config = config};
	int r;

	/* Its processes are podman's, which must know of all that is done to them. */
	if (facts->container || facts->no_container)
		return wb_judging_not_for(&j, WB_KEEP_PROCESS,
			"it runs a container, which is kept as a container", ret, err);
	r = wb_judging_begin(&j, err);
	if (r < 0)
		return r;
	if (is(facts->systemd->active, "activating"))
		wb_refuse(&j, "it is still starting (activating)");
	else if (!wb_judging_main(&j))
		wb_refuse(&j, "it has no main process that could be kept");
	wb_rules_trust(&j);
	wb_rules_unit(&j);
	wb_rules_sockets(&j);
	if (wb_judging_main(&j))
		judge_processes(&j, config);
	return wb_judging_end(&j, ret, err);
}
