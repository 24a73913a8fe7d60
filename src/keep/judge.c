// SPDX-License-Identifier: LGPL-2.1-or-later
/* The ladder of the ways of keeping. */
#include <errno.h>
#include <stdlib.h>

#include "core/strv.h"
#include "keep/bonds.h"
#include "keep/domain.h"
#include "keep/judge.h"

/*
 * Judge one rung. 1: the unit can be kept so. *v becomes what this rung has found, with the reasons of the
 * rungs above before its own.
 */
static int try_rung(const struct wb_keep_means *way, const struct wb_keep_facts *facts,
	const struct wb_keep_config *config, struct wb_keep_verdict *v, struct wb_error *err)
{
	WB_CLEAN_KEEP_VERDICT found = {};
	int r = 0, can = 1;

	if (!way->judge)
		return 1;
	can = way->judge(facts, config, &found, err);
	if (can < 0)
		return can;
	/* The way is not for this kind of unit: the findings of the rungs above stay. */
	if (!can && !found.reasons.n)
		return 0;
	for (size_t i = 0; r == 0 && i < found.reasons.n; i++)
		r = wb_strv_add(&v->reasons, found.reasons.items[i]);
	wb_strv_deinit(&found.reasons);
	found.reasons = v->reasons;
	v->reasons = (struct wb_strv){};
	wb_keep_verdict_deinit(v);
	*v = found;
	found = (struct wb_keep_verdict){};
	return r < 0 ? wb_oom(err) : can;
}

int wb_keep_judge(const struct wb_keep_means *const *ways, const struct wb_keep_facts *facts,
	const struct wb_keep_config *config, struct wb_keep_verdict *ret, struct wb_error *err)
{
	const enum wb_keep_how asked = config && config->how ? config->how : WB_KEEP_AUTO;
	WB_CLEAN_KEEP_VERDICT v = {};
	bool reached = false;

	for (enum wb_keep_how how = WB_KEEP_AUTO;; how = wb_keep_way(how)->lower) {
		const struct wb_keep_means *way = wb_way_find(ways, how);
		const char *configured = wb_keep_way(how)->configured;
		bool lowest = wb_keep_way(how)->lower == how;
		int can = 0;

		reached |= how == asked;
		if (how == asked && configured && wb_strv_add(&v.reasons, configured) < 0)
			return wb_oom(err);
		if (way->how == how)
			can = try_rung(way, facts, config, &v, err);
		if (can < 0)
			return can;
		if ((reached && can) || lowest) {
			v.how = how;
			break;
		}
		/* A rung above the configured one is judged only to know what there is. */
		if (!reached)
			wb_strv_deinit(&v.reasons);
	}
	*ret = v;
	v = (struct wb_keep_verdict){};
	return 0;
}

/* The bonds are notes, since the other units may be kept, too. */
static int add_bonds(const struct wb_keep_look *look, const struct wb_service *service,
	struct wb_keep_verdict *v, struct wb_error *err)
{
	WB_CLEAN_BONDS bonds = {};
	int r = 0;

	if (look->stopped || !wb_keep_way(v->how)->checkpointed)
		return 0;
	r = wb_bonds_find(look->files, look->units, service, &bonds);
	for (size_t i = 0; r == 0 && i < bonds.why.n; i++)
		r = wb_strv_add(&v->warnings, bonds.why.items[i]);
	if (r < 0)
		return wb_oom(err);
	v->bound = bonds.bound;
	v->beside = bonds.beside;
	bonds.bound = bonds.beside = (struct wb_strv){};
	return 0;
}

struct looking {
	const struct wb_keep_look *look;
	const struct wb_keep_means *const *ways;
	const struct wb_keep_config *config;
	struct wb_keep_verdict *ret;
};

/* Find what systemd stores for it, or why that cannot be given to systemd again. -ENOMEM. */
static int find_stored(const struct wb_keep_look *look, const struct wb_keep_facts *facts,
	wb_stored_list *ret, struct wb_error *ret_why)
{
	int64_t *pids = calloc(facts->procs->n + 1, sizeof(*pids));
	int r = -ENOMEM;

	for (size_t i = 0; pids && i < facts->procs->n; i++)
		pids[i] = facts->procs->items[i].pid;
	if (pids)
		r = look->find_stored(facts->systemd, pids, facts->procs->n, 1, ret, ret_why);
	free(pids);
	return r;
}

static int judge(void *arg, const struct wb_keep_facts *facts, struct wb_error *err)
{
	const struct looking *l = arg;
	struct wb_keep_facts all = *facts;
	WB_CLEAN_KEEP_VERDICT v = {};
	wb_stored_list stored = {};
	struct wb_error why = {};
	int r = 0;

	if (facts->systemd->stored_fds && l->look->find_stored) {
		r = find_stored(l->look, facts, &stored, &why);
		all.stored = r == 0 ? &stored : NULL;
	}
	all.not_stored = r < 0 ? why.text : NULL;
	r = r == -ENOMEM ? wb_oom(err) : wb_keep_judge(l->ways, &all, l->config, &v, err);
	wb_stored_deinit(&stored);
	if (r == 0)
		r = add_bonds(l->look, facts->systemd, &v, err);
	if (r < 0)
		return r;
	*l->ret = v;
	v = (struct wb_keep_verdict){};
	return 0;
}

int wb_keep_look(const struct wb_keep_means *const *ways, const struct wb_keep_look *look,
	const char *unit, const struct wb_keep_config *config, struct wb_keep_verdict *ret,
	struct wb_error *err)
{
	struct looking l = {look, ways, config, ret};
	WB_CLEAN_STR domain = wb_domain_of_unit(unit);

	/* It runs in no unit. */
	if (domain)
		return wb_domain_look(look->runner, domain, config, ret, err);
	return wb_survey(look, unit, config, judge, &l, err);
}

int wb_keep_record(const struct wb_keep_means *const *ways, const struct wb_keep_verdict *verdict,
	struct wb_manifest_unit *u, struct wb_error *err)
{
	const struct wb_keep_means *way = wb_way_find(ways, verdict->how);
	int r = wb_survey_to_manifest(verdict, u);

	if (r == 0 && way->record)
		r = way->record(verdict, u);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}
