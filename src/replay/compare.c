// SPDX-License-Identifier: LGPL-2.1-or-later
/* Comparing the units that ran before the jump with those that run now. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/due.h"

static int compare_world(const struct wb_replay_host *host, const struct wb_world *before,
	struct wb_world_difference *ret, struct wb_error *err)
{
	WB_CLEAN_MANAGER m = {};
	int r;

	ret->uid = before->uid;
	if (before->uid >= 0) {
		r = wb_user_glance(host, (uint32_t)before->uid, &ret->now, err);
	} else {
		r = host->open(host->ctx, -1, &m, err);
		if (r == 0)
			r = wb_world_glance(&m, -1, &ret->now, err);
	}
	if (r < 0)
		return r;
	return wb_replay_plan(before, &ret->now, &ret->plan) < 0 ? wb_oom(err) : 0;
}

/* There is no record for this boot. Find out whether there should be one. */
static int fail_unrecorded(const struct wb_files *files, struct wb_error *err)
{
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_RECORD jump = {};
	bool known = wb_record_read(files, WB_RECORD_JUMP, &jump, NULL) == 0;

	if (wb_traces_read(files, &traces) < 0)
		return wb_oom(err);
	if (!wb_is_after_jump(known ? &jump : NULL, &traces))
		return wb_fail(err, -ENOENT, "this boot did not come from a jump");
	return wb_fail(err, -ENODATA, "the units that ran before the jump were not recorded");
}

static bool is_running(const struct wb_files *files, int64_t pid)
{
	WB_CLEAN_BLOB name = {};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/comm", pid);
	return pid > 0 && files->read(files->ctx, path, 64, &name, NULL) == 0 &&
	       !strncmp((const char *)name.data, "warmboot\n", name.size);
}

static bool has_failed(const struct wb_differences *d, const char *unit)
{
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; d->worlds[i].uid < 0 && k < d->worlds[i].now.n_units; k++) {
			const struct wb_unit *u = &d->worlds[i].now.units[k];

			if (!strcmp(u->name, unit))
				return u->active && !strcmp(u->active, "failed");
		}
	return false;
}

/* `due`: the replay has not begun. */
static int set_why_not(struct wb_differences *d, bool due)
{
	const char *why;

	if (due && has_failed(d, "warmboot-replay.service"))
		why = "warmboot-replay.service failed before it could be started again; "
		      "\"warmboot replay start\" repeats that";
	else if (due)
		why = "warmboot-replay.service has not started it again yet";
	else if (d->running)
		why = "the replay is still running, and has not reported on it yet";
	else if (d->results.pid)
		why = "the replay was interrupted before it reported on it; \"warmboot replay "
		      "start --force\" repeats it";
	else
		return 0;
	d->why_not = strdup(why);
	return d->why_not ? 0 : -ENOMEM;
}

/* Warn of users whose files are unreadable now, unless the replay has already said so. */
static int tell_lost(const struct wb_units *before, struct wb_results *results)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < before->n_users; i++) {
		const struct wb_user_file *user = &before->users[i];
		WB_CLEAN_STR told = NULL;

		if (!user->lost)
			continue;
		told = wb_not_started_again(user->uid, user->lost);
		if (!told)
			return -ENOMEM;
		if (!wb_strv_has(&results->warnings, told))
			r = wb_strv_addf(&results->warnings,
				"the units of user %u before the jump are not known: %s",
				(unsigned)user->uid, user->lost);
	}
	return r;
}

int wb_replay_compare(
	const struct wb_replay_host *host, struct wb_differences *ret, struct wb_error *err)
{
	const struct wb_files *files = host->sys->files;
	WB_CLEAN_DIFFERENCES d = {};
	WB_CLEAN_TRACES traces = {};
	const char *why = NULL;
	int r = wb_units_read(files, &d.before, err);

	if (r == -ENOENT)
		return fail_unrecorded(files, err);
	/* The sentence names the file and the remedy. */
	if (r == -EBADMSG)
		return -ENODATA;
	if (r < 0)
		return r;
	r = wb_check_due(files, &d.before, &traces, &why, err);
	if (r < 0)
		return r;
	wb_results_read(files, traces.boot_id, &d.results);
	if (why && !d.results.boot_id &&
		!(d.before.replayed_boot && traces.boot_id &&
			!strcmp(d.before.replayed_boot, traces.boot_id)))
		return fail_unrecorded(files, err);
	r = wb_leave_ended(host, &d.before, err);
	if (r == 0)
		r = wb_user_files_read(files, &d.before, err);
	if (r == 0 && tell_lost(&d.before, &d.results) < 0)
		r = wb_oom(err);
	if (r < 0)
		return r;
	d.running = is_running(files, d.results.pid);
	d.worlds = calloc(d.before.n_worlds + 1, sizeof(*d.worlds));
	if (!d.worlds)
		return wb_oom(err);
	for (size_t i = 0; i < d.before.n_worlds; i++) {
		struct wb_world_difference *w = &d.worlds[d.n];
		struct wb_error ignored;

		/* A user's manager may be gone; the replay's warnings report that. */
		r = compare_world(host, &d.before.worlds[i], w, &ignored);
		if (r < 0 && d.before.worlds[i].uid < 0)
			return wb_fail(err, r, "%s", ignored.text);
		d.n += r == 0;
		if (r < 0)
			wb_world_deinit(&w->now);
	}
	if (set_why_not(&d, !why) < 0)
		return wb_oom(err);
	*ret = d;
	d = (struct wb_differences){};
	return 0;
}

void wb_differences_deinit(struct wb_differences *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++) {
		wb_replay_plan_deinit(&d->worlds[i].plan);
		wb_world_deinit(&d->worlds[i].now);
	}
	free(d->worlds);
	free(d->why_not);
	wb_results_deinit(&d->results);
	wb_units_deinit(&d->before);
	*d = (struct wb_differences){};
}

char *wb_difference_why(const struct wb_differences *d, size_t i, const struct wb_step *step)
{
	const struct wb_replay_result *result =
		wb_results_find(&d->results, d->worlds[i].uid, step->unit->name);
	const struct wb_unit *now = step->now;
	char *text;

	if (step->why)
		return strdup(step->why);
	if (result && *result->why)
		return strdup(result->why);
	if (!result && d->why_not)
		return strdup(d->why_not);
	if (asprintf(&text,
		    result ? "it was started again, and is %s now%s%s%s"
			   : "it ran when the replay began, and is %s now%s%s%s",
		    now && now->active ? now->active : "not loaded", now && now->sub ? " (" : "",
		    now && now->sub ? now->sub : "", now && now->sub ? ")" : "") < 0)
		return NULL;
	return text;
}
