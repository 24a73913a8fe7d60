// SPDX-License-Identifier: LGPL-2.1-or-later
/* Changing the choice of kept services, for all units that are named or for none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "choice/kind.h"
#include "core/valid.h"
#include "session/choice.h"

int wb_keep_real_name(
	const struct wb_services *services, const char *typed, char **ret, struct wb_error *err)
{
	WB_CLEAN_SERVICE s = {};
	WB_CLEAN_STR name = NULL;
	int r = wb_keep_name(typed, &name, err);

	if (r == 0 && wb_keep_kind_of(name, NULL)->word) {
		*ret = name;
		name = NULL;
		return 0;
	}
	if (r == 0)
		r = services->read(services->ctx, name, &s, err);
	if (r < 0)
		return r;
	if (s.load && !strcmp(s.load, "masked"))
		return wb_fail(err, -EINVAL, "%s is masked", name);
	*ret = s.id && wb_valid_service_name(s.id) ? s.id : name;
	if (*ret == s.id)
		s.id = NULL;
	else
		name = NULL;
	return 0;
}

bool wb_keep_is_repeated(const char *const *units, size_t i)
{
	WB_CLEAN_STR name = NULL;
	bool repeated = false;

	if (wb_keep_name(units[i], &name, NULL) < 0)
		return false;
	for (size_t k = 0; !repeated && k < i; k++) {
		WB_CLEAN_STR before = NULL;

		repeated = wb_keep_name(units[k], &before, NULL) == 0 && !strcmp(before, name);
	}
	return repeated;
}

/* One run over the units: a trial, or the change itself. */
struct run {
	const struct wb_sys *sys;
	const struct wb_services *services;
	const struct wb_keep_finding *finding;
	const struct wb_keep_choice *choice;
	bool try;
};

/* The choice before stays, except for the parts that the new one has. */
static int merge(
	const struct run *run, const char *unit, struct wb_keep_config *c, struct wb_error *err)
{
	const struct wb_keep_choice *choice = run->choice;
	int r = wb_keep_config_read(run->sys->files, unit, c, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT && wb_keep_config_init(c, unit) < 0)
		return wb_oom(err);
	if (choice->how != WB_KEEP_NONE)
		c->how = choice->how;
	if (choice->peers && wb_keep_peers_find(choice->peers, &c->reset_peers) < 0)
		return wb_fail(
			err, -EINVAL, "--peers is restart or reset, not \"%s\"", choice->peers);
	if (choice->priority)
		c->priority = *choice->priority;
	if (choice->probe) {
		free(c->probe);
		c->probe = strdup(choice->probe);
	}
	if (choice->probe && !c->probe)
		return wb_oom(err);
	for (size_t i = 0; i < choice->files.n; i++)
		if (wb_strv_add_once(&c->files, choice->files.items[i]) < 0)
			return wb_oom(err);
	return 0;
}

static int add_unit(const struct run *run, const char *typed, struct wb_error *err)
{
	WB_CLEAN_KEEP_CONFIG config = {};
	WB_CLEAN_STR unit = NULL;
	WB_CLEAN_STR runs_in = NULL;
	int r = wb_keep_real_name(run->services, typed, &unit, err);

	/* A virtual machine or container has to run, so that a wrong name is found now. */
	if (r == 0 && run->try)
		r = wb_keep_find_unit(run->finding, unit, &runs_in, err);

	if (r == 0)
		r = merge(run, unit, &config, err);
	if (run->try || r < 0)
		return r;
	r = wb_keep_config_write(run->sys, &config, err);
	if (r == 0)
		run->choice->done(run->choice->arg, unit, &config);
	return r;
}

/* A file that cannot be read exists, so it counts as a choice. */
static bool is_chosen(const struct run *run, const char *unit)
{
	WB_CLEAN_KEEP_CONFIG config = {};

	return wb_keep_config_read(run->sys->files, unit, &config, NULL) != -ENOENT;
}

/* The name as typed, or else the unit's own name, under which an alias was added. */
static int chosen_name(const struct run *run, const char *typed, char **ret, struct wb_error *err)
{
	WB_CLEAN_STR unit = NULL;
	WB_CLEAN_STR real = NULL;
	int r = wb_keep_name(typed, &unit, err);

	if (r < 0)
		return r;
	if (!is_chosen(run, unit) &&
		(wb_keep_real_name(run->services, typed, &real, NULL) < 0 || !is_chosen(run, real)))
		return wb_fail(
			err, -ENOENT, "%s is not kept; \"warmboot keep list\" shows what is", unit);
	*ret = strdup(real ? real : unit);
	return *ret ? 0 : wb_oom(err);
}

static int remove_unit(const struct run *run, const char *typed, struct wb_error *err)
{
	WB_CLEAN_STR unit = NULL;
	int r = chosen_name(run, typed, &unit, err);

	/* -ENOENT after the trial: this run has removed the unit already, under another of its names. */
	if (run->try || r < 0)
		return !run->try && r == -ENOENT ? 0 : r;
	r = wb_keep_config_remove(run->sys, unit, err);
	if (r == 0)
		run->choice->done(run->choice->arg, unit, NULL);
	return r;
}

int wb_keep_choose(const struct wb_services *services, const struct wb_keep_finding *finding,
	const struct wb_keep_choice *choice, const char *const *units, size_t n,
	struct wb_error *err)
{
	struct run run = {finding->sys, services, finding, choice};
	int r = 0;

	for (int try = 1; r == 0 && try >= 0; try--) {
		run.try = try;
		for (size_t i = 0; r == 0 && i < n; i++)
			if (!wb_keep_is_repeated(units, i))
				r = choice->remove ? remove_unit(&run, units[i], err)
						   : add_unit(&run, units[i], err);
	}
	return r;
}
