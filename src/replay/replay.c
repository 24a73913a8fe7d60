// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replaying: PID 1's world here, a user's in a process with its rights. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/due.h"
#include "replay/start.h"

#define SECOND 1000000ull
/* For one unit; systemd's own default for a start is 90 s. */
#define LONGEST_START (100 * SECOND)
/* For all of them, users' ones included. */
#define LONGEST_REPLAY (300 * SECOND)
/* What users' units build upon is most often up by then. */
#define HEAD_START (10 * SECOND)

/* A user's manager, and what is to be done with it. */
struct user {
	const struct wb_replay_host *host;
	uint32_t uid;
	const struct wb_world *before;
	uint64_t end;                    /* of the replay, as wb_start_limits has it */
	const struct wb_results *listen; /* who listens to it is told what happens */
};

/* Which transient units have to be made; those that run came back in another way. */
static int find_transient(const struct wb_replay_host *host, struct wb_manager *m,
	const struct wb_world *before, struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_WORLD now = {};
	WB_CLEAN_STRV all = {};
	int r;

	if (wb_runtime_files_transient(host->sys->files, before, &all) < 0)
		return wb_oom(err);
	r = all.n ? wb_world_glance(m, before->uid, &now, err) : 0;
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		bool up = false;

		for (size_t k = 0; k < now.n_units; k++)
			up |= !strcmp(now.units[k].name, all.items[i]) &&
			      wb_unit_is_up(&now.units[k]);
		if (!up && wb_strv_add(ret, all.items[i]) < 0)
			r = wb_oom(err);
	}
	return r;
}

/* A manager whose units are being started. */
struct at_work {
	struct wb_manager m;
	struct wb_strv made; /* its transient units, held meanwhile */
	struct wb_start *start;
};

static void at_work_deinit(struct at_work *w)
{
	wb_start_free(w->start);
	if (w->made.n)
		w->m.release(w->m.ctx);
	wb_strv_deinit(&w->made);
	wb_manager_close(&w->m);
}

#define CLEAN_AT_WORK __attribute__((cleanup(at_work_deinit))) struct at_work

static int begin_units(struct at_work *w, const struct wb_world *before, uint64_t end,
	struct wb_results *results, struct wb_error *err)
{
	struct wb_start_limits limits = {LONGEST_START, end};
	WB_CLEAN_WORLD now = {};
	WB_CLEAN_REPLAY_PLAN plan = {};
	int r = wb_world_glance(&w->m, before->uid, &now, err);

	if (r < 0)
		return r;
	if (wb_replay_plan(before, &now, &plan) < 0)
		return wb_oom(err);
	return wb_start_begin(&w->m, &plan, before->uid, limits, results, &w->start, err);
}

/* Whose warnings they are has to be known first. */
static void tell_warnings(const struct wb_results *results, size_t from)
{
	for (size_t i = from; results->tell && i < results->warnings.n; i++)
		results->tell(results->tell_arg, NULL, results->warnings.items[i]);
}

/*
 * One manager: its files, then its units. `results` and `before` must outlive *w; of the warnings
 * nobody is told yet.
 */
static int begin_world(const struct wb_replay_host *host, const struct wb_world *before,
	uint64_t end, struct wb_results *results, struct at_work *w, struct wb_error *err)
{
	size_t written = 0;
	int r = host->open(host->ctx, before->uid, &w->m, err);

	if (r == 0)
		r = find_transient(host, &w->m, before, &w->made, err);
	if (r < 0)
		return r;
	/* If not, they are units with a file that stays; it is written either way. */
	if (w->made.n)
		w->m.make_transient(w->m.ctx, &w->made, NULL);
	if (wb_runtime_files_write(host, before, &w->made, &written, &results->warnings) < 0)
		r = wb_oom(err);
	if (r == 0 && written)
		r = w->m.reload(w->m.ctx, err);
	return r < 0 ? r : begin_units(w, before, end, results, err);
}

static int user_replay(void *arg, struct wb_blob *out, struct wb_error *err)
{
	const struct user *user = arg;
	WB_CLEAN_RESULTS results = {.tell = user->listen->tell, .tell_arg = user->listen->tell_arg};
	CLEAN_AT_WORK w = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error why = {};
	int r = begin_world(user->host, user->before, user->end, &results, &w, &why);

	if (r == 0)
		r = wb_start_wait(w.start, UINT64_MAX, &why);
	/* What was done so far is worth telling, too. */
	if (r < 0 && wb_strv_add(&results.warnings, why.text) < 0)
		return wb_oom(err);
	if (wb_results_print(&results, &text) < 0)
		return wb_oom(err);
	return wb_give_answer(out, text, err);
}

/* logind starts the managers of those who linger, in its own time: join it, or have it done. */
static int await_user(
	const struct wb_replay_host *host, uint32_t uid, uint64_t end, struct wb_error *err)
{
	struct wb_start_limits limits = {LONGEST_START, end};
	char name[64];
	struct wb_unit unit = {.name = name};
	struct wb_step step = {.unit = &unit};
	struct wb_replay_plan plan = {.start = &step, .n_start = 1};
	WB_CLEAN_MANAGER m = {};
	WB_CLEAN_RESULTS results = {};
	int r = host->open(host->ctx, -1, &m, err);

	snprintf(name, sizeof(name), "user@%u.service", uid);
	if (r == 0)
		r = wb_plan_start(&m, &plan, -1, limits, &results, err);
	if (r < 0)
		return r;
	if (!results.n || strcmp(results.items[0].result, "started"))
		return wb_fail(err, -EIO, "%s: %s", name,
			results.n ? results.items[0].why : "it was not asked for");
	return 0;
}

/* What a user's process has told of already is only put down. */
static int take_results(const struct wb_results *from, struct wb_results *to)
{
	struct wb_results quiet = *to;
	int r = 0;

	quiet.tell = NULL;
	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = wb_results_add(&quiet, from->items[i].uid, from->items[i].unit,
			from->items[i].result, from->items[i].why);
	for (size_t i = 0; r == 0 && i < from->warnings.n; i++)
		r = wb_strv_add(&quiet.warnings, from->warnings.items[i]);
	quiet.tell = to->tell;
	*to = quiet;
	return r;
}

/* The user's word: it is of that user, whatever it says. */
static int mark_results(struct wb_results *results, uint32_t uid)
{
	for (size_t i = 0; i < results->n; i++)
		results->items[i].uid = uid;
	for (size_t i = 0; i < results->warnings.n; i++) {
		char *text;

		if (asprintf(&text, "user %u: %s", uid, results->warnings.items[i]) < 0)
			return -ENOMEM;
		free(results->warnings.items[i]);
		results->warnings.items[i] = text;
	}
	return 0;
}

static uint64_t now_usec(const struct wb_replay_host *host)
{
	return host->sys->mono_ns(host->sys->ctx) / 1000;
}

/* For a process that has until `end` for its units, and some time to begin and to tell of it. */
static unsigned seconds_until(const struct wb_replay_host *host, uint64_t end)
{
	uint64_t now = now_usec(host);

	return (unsigned)((end > now ? end - now : 0) / SECOND) + 30;
}

static int replay_user(const struct user *user, struct wb_results *results, struct wb_error *err)
{
	const struct wb_replay_host *host = user->host;
	WB_CLEAN_BLOB answer = {};
	WB_CLEAN_RESULTS got = {};
	size_t known = results->warnings.n;
	int r;

	if (!host->lingers(host->ctx, user->uid))
		return wb_fail(err, -ENOENT, "it does not linger any more");
	r = await_user(host, user->uid, user->end, err);
	if (r == 0)
		r = host->as_user(host->ctx, user->uid, seconds_until(host, user->end), user_replay,
			(void *)user, &answer, err);
	if (r == 0)
		r = wb_results_parse(wb_blob_view(&answer), "its answer", &got, err);
	if (r == 0 && (mark_results(&got, user->uid) < 0 || take_results(&got, results) < 0))
		r = wb_oom(err);
	tell_warnings(results, known);
	return r;
}

static int warn_of_user(struct wb_results *results, uint32_t uid, const char *why)
{
	return wb_results_warn(results, "the units of user %u are not started again: %s", uid, why);
}

/* In a process beside the one for the system: all that there is to do for one user. */
static int user_beside(void *arg, struct wb_blob *out, struct wb_error *err)
{
	const struct user *user = arg;
	WB_CLEAN_RESULTS results = {.tell = user->listen->tell, .tell_arg = user->listen->tell_arg};
	WB_CLEAN_STR text = NULL;
	struct wb_error why = {};
	int r = replay_user(user, &results, &why);

	if (r < 0 && warn_of_user(&results, user->uid, why.text) < 0)
		return wb_oom(err);
	if (wb_results_print(&results, &text) < 0)
		return wb_oom(err);
	return wb_give_answer(out, text, err);
}

/* A user's manager, and the process that is at it. */
struct beside {
	struct user user;
	struct wb_child child;
};

static int begin_users(const struct wb_replay_host *host, const struct wb_units *units,
	uint64_t end, struct wb_results *results, struct beside *ret, size_t *ret_n)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < units->n_worlds; i++) {
		const struct wb_world *before = &units->worlds[i];
		struct beside *b = &ret[n];
		struct wb_error why = {};

		if (before->uid < 0)
			continue;
		b->user = (struct user){host, (uint32_t)before->uid, before, end, results};
		/* It awaits the manager and the process that speaks to it, each with its limit. */
		if (host->begin(host->ctx, b->user.uid, seconds_until(host, end) + 10, user_beside,
			    &b->user, &b->child, &why) == 0)
			n++;
		else
			r = warn_of_user(results, b->user.uid, why.text);
	}
	*ret_n = n;
	return r;
}

static int finish_users(const struct wb_replay_host *host, struct wb_results *results,
	struct beside *list, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		WB_CLEAN_BLOB answer = {};
		WB_CLEAN_RESULTS got = {};
		struct wb_error why = {};
		int got_r = host->finish(host->ctx, &list[i].child, &answer, &why);

		if (got_r == 0)
			got_r = wb_results_parse(wb_blob_view(&answer), "its answer", &got, &why);
		if (r == 0)
			r = got_r < 0 ? warn_of_user(results, list[i].user.uid, why.text)
				      : take_results(&got, results);
	}
	return r;
}

/* Users' units wait for the system's, but not for one that hangs. */
static int replay_all(const struct wb_replay_host *host, const struct wb_units *units,
	struct wb_results *results, struct wb_error *err)
{
	const struct wb_world *before = wb_units_world(units, -1);
	uint64_t end = now_usec(host) + LONGEST_REPLAY;
	struct beside *users = calloc(units->n_worlds + 1, sizeof(*users));
	CLEAN_AT_WORK w = {};
	struct wb_error why = {};
	size_t n_users, known = results->warnings.n;
	int r = 0, warned;

	if (!users)
		return wb_oom(err);
	if (before)
		r = begin_world(host, before, end, results, &w, &why);
	tell_warnings(results, known);
	if (r == 0 && w.start)
		r = wb_start_wait(w.start, now_usec(host) + HEAD_START, &why);
	warned = begin_users(host, units, end, results, users, &n_users);
	if (r >= 0 && w.start)
		r = wb_start_wait(w.start, UINT64_MAX, &why);
	if (r < 0 && warned == 0)
		warned = wb_results_warn(results, "%s", why.text);
	r = finish_users(host, results, users, n_users);
	free(users);
	return r < 0 || warned < 0 ? wb_oom(err) : 0;
}

/*
 * What ends a replay half-way must not come again with the next: put down before it begins. Where
 * the record cannot be written, /run lasts as long as this boot, and another boot bears another mark.
 */
static int put_down(const struct wb_sys *sys, const char *boot_id, struct wb_units *units,
	struct wb_results *results, struct wb_error *err)
{
	struct wb_error why = {};
	int noted, r;

	free(units->replayed_boot);
	units->replayed_boot = strdup(boot_id);
	results->boot_id = strdup(boot_id);
	if (!units->replayed_boot || !results->boot_id)
		return wb_oom(err);
	results->pid = getpid();
	noted = wb_results_write(sys, results, err);
	r = wb_units_write(sys, units, &why);
	if (r == 0)
		return 0;
	if (noted < 0)
		return wb_fail(err, r, "%s", why.text);
	return wb_results_warn(results, "%s; until the next boot %s says that it was replayed",
		       why.text, WB_REPLAY_PATH) < 0
		       ? wb_oom(err)
		       : 0;
}

int wb_replay_start(
	const struct wb_replay_host *host, bool force, struct wb_results *ret, struct wb_error *err)
{
	WB_CLEAN_RESULTS results = {.tell = ret->tell, .tell_arg = ret->tell_arg};
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_UNITS units = {};
	const char *why = NULL;
	int r = wb_units_read(host->sys->files, &units, err);

	if (r < 0)
		return r;
	r = wb_check_due(host->sys->files, &units, &traces, &why, err);
	if (r < 0)
		return r;
	if (why && !force)
		return wb_fail(err, -EALREADY, "the record of units is not replayed: %s", why);
	r = wb_leave_ended(host, &units, err);
	if (r < 0)
		return r;
	r = put_down(host->sys, traces.boot_id ? traces.boot_id : "", &units, &results, err);
	if (r == 0)
		r = replay_all(host, &units, &results, err);
	results.pid = 0;
	if (r == 0)
		r = wb_results_write(host->sys, &results, err);
	if (r < 0)
		return r;
	*ret = results;
	results = (struct wb_results){};
	return 0;
}

int wb_replay_generate(const struct wb_replay_host *host, const char *normal, const char *early,
	struct wb_error *err)
{
	const struct wb_world *world;
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_UNITS units = {};
	const char *why = NULL;
	int r = wb_units_read(host->sys->files, &units, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = wb_check_due(host->sys->files, &units, &traces, &why, err);
	world = wb_units_world(&units, -1);
	if (r < 0 || why || !world)
		return r < 0 ? r : 0;
	return wb_runtime_files_generate(host, world, normal, early) < 0 ? wb_oom(err) : 0;
}
