// SPDX-License-Identifier: LGPL-2.1-or-later
/* The first step of keeping: decide for each unit how it is kept, and write its part of the draft. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "core/cmdline.h"
#include "core/crew.h"
#include "core/recall.h"
#include "core/text.h"
#include "keep/ahead.h"
#include "keep/judge.h"
#include "keep/named.h"
#include "session/keeping-parts.h"
#include "choice/config.h"
#include "choice/kind.h"
#include "survey/preflight.h"
#include "systemd/definition.h"
#include "systemd/spare.h"
#include "systemd/systemctl.h"

static char *text_of(const struct wb_files *files, const char *path)
{
	WB_CLEAN_BLOB b = {};

	if (files->read(files->ctx, path, 1 << 20, &b, NULL) < 0)
		return NULL;
	return strdup((const char *)b.data);
}

static int add_text(const struct wb_files *files, struct wb_manifest_unit *u, const char *path,
	struct wb_error *err)
{
	WB_CLEAN_STR text = text_of(files, path);
	struct wb_unit_text *t;

	if (!text)
		return wb_fail(err, -EIO, "cannot read %s", path);
	/* A drop-in that an earlier, failed jump left is not part of the definition. */
	if (wb_has_jump_mark(text))
		return 0;
	t = wb_list_add(&u->definition, sizeof(*t));
	if (!t)
		return wb_oom(err);
	t->text = text;
	text = NULL;
	t->path = strdup(path);
	return t->path ? 0 : wb_oom(err);
}

/* Record the definition of the unit now: the next boot restores it with the same settings. */
static int add_definition(
	const struct wb_session_host *h, struct wb_manifest_unit *u, struct wb_error *err)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_SERVICE service = {};
	const char *late;
	int r = h->services->read(h->services->ctx, u->unit, &service, err);

	if (r == 0)
		r = add_text(files, u, service.fragment, err);
	for (size_t i = 0; r == 0 && i < service.dropins.n; i++)
		r = add_text(files, u, service.dropins.items[i], err);
	if (r < 0)
		return r;
	if (wb_definition_late(&u->definition, &service.after, &u->sockets, &late) < 0)
		return wb_oom(err);
	wb_text_replace(&u->late, late);
	return 0;
}

/* Find a unit that makes the manifest invalid here, where it affects only this unit. */
static int check_one(
	const struct wb_keep_config *config, struct wb_manifest_unit *u, struct wb_error *err)
{
	struct wb_error local = {};
	size_t bytes;
	int r = wb_manifest_check_unit(u, &bytes, &local);

	if (r == -EINVAL && !wb_keep_way(config->how)->insists) {
		wb_manifest_lower(u, local.text);
		return 0;
	}
	return r < 0 ? wb_fail(err, r, "%s cannot be kept: %s", u->unit, local.text) : 0;
}

/*
 * Add room for the files of a unit. Files that cannot be saved now cannot be saved at the freeze
 * either.
 */
static int add_files(const struct wb_session_host *h, const struct wb_keep_verdict *verdict,
	const struct wb_keep_config *config, struct wb_keeping *k, struct wb_manifest_unit *u,
	struct wb_error *err)
{
	struct wb_error why = {};
	uint64_t bytes = 0;
	int r = 0;

	if (!verdict->files.n)
		return 0;
	r = h->measure(config->unit, verdict, &bytes, &why);
	if (r == -ENOMEM)
		return wb_oom(err);
	if (r < 0 && wb_keep_way(config->how)->insists)
		return wb_keeping_refuse(u, why.text, err);
	if (r < 0)
		wb_manifest_lower(u, why.text);
	wb_keeping_need(k, u, bytes);
	return 0;
}

int wb_keeping_look(const struct wb_session_host *h, const struct wb_keeping *k,
	const struct wb_keep_config *config, const char *release, struct wb_keep_verdict *ret,
	struct wb_error *err)
{
	return h->look(h, config->unit, config, k->draft.criu, release, ret, err);
}

/* The result of a look at one unit. */
struct looked {
	struct wb_keep_verdict verdict;
	bool done;
	int r; /* of wb_keeping_look(); and its sentence */
	struct wb_error err;
};

/* The units that are asked for, first the configured ones, and what each look has found. */
struct decision {
	const struct wb_session_host *h;
	const char *release;
	struct wb_keeping *k;
	struct wb_keep_configs asked;
	size_t n_configured;
	struct looked *looked; /* one for each */
	atomic_bool failed;    /* a look has failed, so none after it counts */
};

static bool is_named_before(const struct decision *d, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(d->asked.items[k].name, d->asked.items[i].name))
			return true;
	return false;
}

/* A configured unit that is not running has nothing to keep. */
static bool is_skipped(const struct decision *d, size_t i)
{
	int r = d->looked[i].r;

	return i < d->n_configured && (r == -ESRCH || r == -ENOENT);
}

static int find_unit(
	const struct wb_session_host *h, struct wb_keep_config *c, struct wb_error *err)
{
	const struct wb_keep_finding with = {h->sys, h->runner, h->finders};

	return c->unit ? 0 : wb_keep_find_unit(&with, c->name, &c->unit, err);
}

static void look_at(void *ctx, size_t i)
{
	struct decision *d = ctx;
	struct looked *l = &d->looked[i];

	if (atomic_load(&d->failed))
		return;
	l->r = find_unit(d->h, &d->asked.items[i], &l->err);
	if (l->r == 0)
		l->r = wb_keeping_look(
			d->h, d->k, &d->asked.items[i], d->release, &l->verdict, &l->err);
	l->done = true;
	if (l->r < 0 && !is_skipped(d, i))
		atomic_store(&d->failed, true);
}

/* A unit that is configured and named is looked at once. */
static void look_once(void *ctx, size_t i)
{
	if (!is_named_before(ctx, i))
		look_at(ctx, i);
}

/* Decide how one unit is kept, and add it to the draft. */
static int decide_one(const struct wb_session_host *h, const struct wb_keep_config *config,
	struct wb_keep_verdict *verdict, struct wb_keeping *k, struct wb_error *err)
{
	struct wb_strv *bound = wb_list_add(&k->bound, sizeof(*bound));
	struct wb_strv *beside = bound ? wb_list_add(&k->beside, sizeof(*beside)) : NULL;
	struct wb_manifest_unit *u = beside ? wb_list_add(&k->draft.units, sizeof(*u)) : NULL;
	char images[32];
	int r;

	if (!u)
		return wb_oom(err);
	wb_text_replace(&u->unit, config->unit);
	if (wb_keep_kind_of(config->name, NULL)->word)
		wb_text_replace(&u->name, config->name);
	r = wb_keep_record(h->ways, verdict, u, err);
	u->asked = config->how;
	u->priority = config->priority;
	wb_text_replace(&u->probe, config->probe);
	snprintf(images, sizeof(images), "u%zu/", k->draft.units.n - 1);
	wb_text_replace(&u->images, images);
	*bound = verdict->bound;
	*beside = verdict->beside;
	verdict->bound = verdict->beside = (struct wb_strv){};
	if (r < 0)
		return r;
	if (k->masked && wb_unit_is_checkpointed(u))
		wb_manifest_lower(u, k->masked);
	if (wb_keep_way(config->how)->insists && !wb_keep_is_as_asked(config->how, u->how))
		return wb_keeping_refuse(u, u->why ? u->why : "that cannot be done", err);
	if (!wb_unit_is_checkpointed(u))
		return 0;
	r = add_files(h, verdict, config, k, u, err);
	if (r < 0 || !wb_unit_is_checkpointed(u))
		return r;
	wb_keeping_need(k, u, verdict->bytes);
	if (wb_way_find(h->ways, u->how)->ahead)
		wb_ahead_choose(u, verdict->bytes);
	r = add_definition(h, u, err);
	return r < 0 ? r : check_one(config, u, err);
}

static int first_failure(const struct decision *d, struct wb_error *err)
{
	for (size_t i = 0; i < d->asked.n; i++)
		if (d->looked[i].done && d->looked[i].r < 0 && !is_skipped(d, i)) {
			if (err)
				*err = d->looked[i].err;
			return d->looked[i].r;
		}
	return wb_fail(err, -ECANCELED, "not all units were looked at");
}

static bool is_decided(const struct decision *d, const char *name)
{
	const struct wb_manifest *m = &d->k->draft;

	for (size_t i = 0; i < m->units.n; i++)
		if (!strcmp(wb_chosen_name(&m->units.items[i]), name))
			return true;
	return false;
}

static int decide_next(struct decision *d, size_t i, struct wb_error *err)
{
	struct looked *l = &d->looked[i];

	if (i >= d->n_configured && is_decided(d, d->asked.items[i].name))
		return 0;
	/* It is configured and not running, and named as well. */
	if (!l->done)
		look_at(d, i);
	if (is_skipped(d, i))
		return 0;
	if (l->r < 0) {
		if (err)
			*err = l->err;
		return l->r;
	}
	/* Another look has failed first, in another thread. */
	if (!l->done)
		return first_failure(d, err);
	/* It was chosen by another name as well; the earlier choice counts. */
	if (wb_manifest_find(&d->k->draft, d->asked.items[i].unit))
		return 0;
	return decide_one(d->h, &d->asked.items[i], &l->verdict, d->k, err);
}

static int list_asked(struct decision *d, const struct wb_keep_wish *wish, struct wb_error *err)
{
	int r = wb_keep_configs_read(d->h->sys->files, &d->asked, err);

	d->n_configured = d->asked.n;
	for (size_t i = 0; r == 0 && i < wish->units.n; i++) {
		struct wb_keep_config *c = wb_list_add(&d->asked, sizeof(*c));

		WB_CLEAN_STR name = NULL;

		if (!c)
			return wb_oom(err);
		r = wb_keep_name(wish->units.items[i], &name, err);
		if (r == 0 && wb_keep_config_init(c, name) < 0)
			return wb_oom(err);
	}
	if (r < 0)
		return r;
	d->looked = calloc(d->asked.n + 1, sizeof(*d->looked));
	return d->looked ? 0 : wb_oom(err);
}

/* Look at all units, as many at a time as is good; what they have in common is read once. */
static int decide_all(struct decision *d, struct wb_error *err)
{
	struct wb_session_host with = *d->h;
	struct wb_recall *recall = wb_recall_new(with.sys->files);
	struct wb_services services;
	int r = 0;

	if (!recall)
		return wb_oom(err);
	wb_services_open(with.services, &services);
	with.services = &services;
	with.machine = wb_recall_files(recall);
	d->h = &with;
	wb_crew(d->asked.n, with.workers, look_once, d);
	for (size_t i = 0; r == 0 && i < d->asked.n; i++)
		r = decide_next(d, i, err);
	wb_services_close(&services);
	wb_recall_free(recall);
	return r;
}

static void decision_deinit(struct decision *d)
{
	for (size_t i = 0; d->looked && i < d->asked.n; i++)
		wb_keep_verdict_deinit(&d->looked[i].verdict);
	free(d->looked);
	wb_keep_configs_deinit(&d->asked);
}

static int find_masked(const struct wb_session_host *h, const struct wb_keep_wish *wish,
	struct wb_keeping *k, struct wb_error *err)
{
	const struct wb_arch *arch = wb_arch_of(h->sys->files);
	WB_CLEAN_STR all = NULL;
	int r = wb_cmdline_append(
		wish->cmdline ? wish->cmdline : "", wish->append ? wish->append : "", &all);

	if (r == 0 && arch->masks && *all)
		r = arch->masks(h->sys->files, all, &k->masked);
	return r < 0 ? wb_fail(err, r,
			       "it cannot be told what the next command line does to the "
			       "CPU: %s",
			       strerror(-r))
		     : 0;
}

int wb_keeping_decide(const struct wb_session_host *h, const struct wb_keep_wish *wish,
	const char *release, struct wb_keeping *k, struct wb_error *err)
{
	struct decision d = {.h = h, .k = k};
	int r;

	k->now = wish->now;
	wb_rate_begin(h->sys, &k->begin);
	if (wish->none || !wb_systemd_here(h->sys->files)) {
		if (wish->units.n)
			return wb_fail(err, -EOPNOTSUPP,
				"services are kept under systemd only, and it does not run here");
		return 0;
	}
	k->draft.criu = wb_criu_version(h->runner, NULL);
	r = find_masked(h, wish, k, err);
	if (r < 0)
		return r;
	if (release && !*release)
		release = NULL;
	d.release = release;
	r = list_asked(&d, wish, err);
	if (r == 0)
		r = decide_all(&d, err);
	decision_deinit(&d);
	return r < 0 ? r : wb_keeping_lower_bound(k, err);
}
