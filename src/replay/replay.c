// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Starting again what ran before the jump: the units of PID 1 here, those of a user in a process
 * with the user's rights.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/due.h"
#include "replay/start.h"

#define SECOND 1000000ull
/* Limit for one unit; systemd's own default for a start is 90 s. */
#define LONGEST_START (100 * SECOND)
/* Limit for all units, including those of users. */
#define LONGEST_REPLAY (300 * SECOND)
/* After this time the system's units that users' units depend on are mostly up. */
#define HEAD_START (10 * SECOND)

/* A user and the task for the user's manager. */
struct user {
	const struct wb_replay_host *host;
	uint32_t uid;
	const struct wb_world *before;
	uint64_t end;                    /* end of the replay, as in wb_start_limits */
	const struct wb_results *listen; /* its tell() is called as things happen */
};

/* Find the transient units to make. Those that run have come back in another way. */
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

/* A manager while its units are started. */
struct at_work {
	struct wb_manager m;
	struct wb_strv made; /* its transient units, held until all have started */
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

/* Report warnings, once it is known which user they are about. */
static void tell_warnings(const struct wb_results *results, size_t from)
{
	for (size_t i = from; results->tell && i < results->warnings.n; i++)
		results->tell(results->tell_arg, NULL, results->warnings.items[i]);
}

/*
 * Start with one manager: write its files, then start its units. `results` and `before` must
 * outlive *w; warnings are not reported yet.
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
	/*
	 * On failure they become ordinary units with a file that stays; the file is written in both
	 * cases.
	 */
	if (w->made.n)
		w->m.make_transient(w->m.ctx, &w->made, NULL);
	if (wb_runtime_files_write(host, before, &w->made, &written, &results->warnings) < 0)
		r = wb_oom(err);
	if (r == 0 && written)
		r = w->m.reload(w->m.ctx, err);
	return r < 0 ? r : begin_units(w, before, end, results, err);
}

int wb_user_replay(const struct wb_replay_host *host, const struct wb_world *before, uint64_t end,
	struct wb_blob *out, struct wb_error *err)
{
	WB_CLEAN_RESULTS results = {};
	CLEAN_AT_WORK w = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error why = {};
	int r = begin_world(host, before, end, &results, &w, &why);

	if (r == 0)
		r = wb_start_wait(w.start, UINT64_MAX, &why);
	/* The results so far are reported, too. */
	if (r < 0 && wb_strv_add(&results.warnings, why.text) < 0)
		return wb_oom(err);
	if (wb_results_print(&results, &text) < 0)
		return wb_oom(err);
	return wb_give_answer(out, text, err);
}

/*
 * Start a user's manager, or wait for it: logind starts the managers of lingering users at any
 * time.
 */
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

/* Add results that the process of a user has reported already. -ENOMEM, -E2BIG. */
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

/*
 * Bounds of a user's answer, which is not trusted: one result for each recorded unit, and a few
 * warnings.
 */
#define WARNINGS_MOST 20
#define SENTENCE_MOST 400

static bool is_result(const struct wb_replay_result *r)
{
	static const char *const words[] = {"started", "late", "skipped", "failed"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(r->result, words[i]))
			return strlen(r->why) <= 2 * SENTENCE_MOST;
	return false;
}

static bool has_unit(const struct wb_world *world, const char *name)
{
	for (size_t i = 0; i < world->n_units; i++)
		if (!strcmp(world->units[i].name, name))
			return true;
	return false;
}

static int take_word(const struct user *user, const struct wb_results *from, struct wb_results *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++) {
		const struct wb_replay_result *item = &from->items[i];

		if (is_result(item) && has_unit(user->before, item->unit) &&
			!wb_results_find(to, user->uid, item->unit))
			r = wb_results_add(to, user->uid, item->unit, item->result, item->why);
	}
	for (size_t i = 0; r == 0 && i < from->warnings.n && i < WARNINGS_MOST; i++)
		r = wb_strv_addf(&to->warnings, "user %u: %.*s", user->uid, SENTENCE_MOST,
			from->warnings.items[i]);
	if (r == 0 && from->warnings.n > WARNINGS_MOST)
		r = wb_strv_addf(&to->warnings, "user %u: %zu more warnings are not shown",
			user->uid, from->warnings.n - WARNINGS_MOST);
	return r;
}

static uint64_t now_usec(const struct wb_replay_host *host)
{
	return host->sys->mono_ns(host->sys->ctx) / 1000;
}

/* Limit for a process that has until `end` for its units, with some time to begin and to report. */
static unsigned seconds_until(const struct wb_replay_host *host, uint64_t end)
{
	uint64_t now = now_usec(host);

	return (unsigned)((end > now ? end - now : 0) / SECOND) + 30;
}

static int replay_user(const struct user *user, struct wb_results *results, struct wb_error *err)
{
	const struct wb_replay_host *host = user->host;
	WB_CLEAN_STR before = NULL;
	WB_CLEAN_BLOB answer = {};
	WB_CLEAN_RESULTS got = {};
	struct wb_user_task task = {.name = "replay", .end = user->end};
	size_t known = results->warnings.n;
	struct wb_child child;
	int r;

	if (!host->lingers(host->ctx, user->uid))
		return wb_fail(err, -ENOENT, "it does not linger any more");
	if (wb_world_print(user->before, &before) < 0)
		return wb_oom(err);
	task.input = (struct wb_bytes){(const uint8_t *)before, strlen(before)};
	r = await_user(host, user->uid, user->end, err);
	if (r == 0)
		r = host->ask(
			host->ctx, user->uid, seconds_until(host, user->end), &task, &child, err);
	if (r == 0)
		r = host->finish(host->ctx, &child, &answer, err);
	if (r == 0)
		r = wb_results_parse(wb_blob_view(&answer), "its answer", &got, err);
	if (r == 0 && take_word(user, &got, results) < 0)
		r = wb_oom(err);
	tell_warnings(results, known);
	return r;
}

static int warn_of_user(struct wb_results *results, uint32_t uid, const char *why)
{
	WB_CLEAN_STR text = wb_not_started_again(uid, why);

	return text ? wb_results_warn(results, "%s", text) : -ENOMEM;
}

/* Do everything for one user, in a process beside the one for the system. */
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

/* A user and the process that works for the user. */
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
		/*
		 * It waits for the manager, and for the process that talks to it; each has its
		 * limit.
		 */
		if (host->begin(host->ctx, b->user.uid, seconds_until(host, end) + 10, user_beside,
			    &b->user, &b->child, &why) == 0)
			n++;
		else
			r = warn_of_user(results, b->user.uid, why.text);
	}
	for (size_t i = 0; r == 0 && i < units->n_users; i++)
		if (units->users[i].lost)
			r = warn_of_user(results, units->users[i].uid, units->users[i].lost);
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
		if (r == 0 && got_r == 0)
			got_r = take_results(&got, results);
		if (got_r == -E2BIG)
			wb_fail(&why, got_r, "more happened than can be reported");
		if (r == 0 && got_r < 0)
			r = warn_of_user(results, list[i].user.uid, why.text);
	}
	return r;
}

/* Replay everything. Users' units wait for the system's, but not for one that hangs. */
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
 * Note the replay before it begins, so that a fault that ends it half-way does not occur again with
 * the next one. Where the record cannot be written, a file in /run is enough: it lasts for this
 * boot, and another boot has another jump number.
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
	if (r == 0)
		r = wb_user_files_read(host->sys->files, &units, err);
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
