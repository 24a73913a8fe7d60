// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording, replaying and comparing: PID 1's world here, a user's in a process with its rights. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/manager.h"
#include "replay/start.h"

#define SECOND 1000000ull
/* For one unit; systemd's own default for a start is 90 s. */
#define LONGEST_START (100 * SECOND)
/* For all of them, users' ones included. */
#define LONGEST_REPLAY (300 * SECOND)
/* What users' units build upon is most often up by then. */
#define HEAD_START (10 * SECOND)
/* Looking takes no time, but a user's process could. */
#define SECONDS_TO_LOOK 10

/* A user's manager, and what is to be done with it. */
struct user {
	const struct wb_replay_host *host;
	uint32_t uid;
	const struct wb_world *before;
	uint64_t end;                    /* of the replay, as wb_start_limits has it */
	const struct wb_results *listen; /* who listens to it is told what happens */
};

static int oom(struct wb_error *err)
{
	return wb_fail(err, -ENOMEM, "out of memory");
}

static int give(struct wb_blob *out, const char *text, struct wb_error *err)
{
	return wb_blob_append(out, text, strlen(text)) < 0 ? oom(err) : 0;
}

/* ---- record ---- */

static int user_observe(void *arg, struct wb_blob *out, struct wb_error *err)
{
	const struct user *user = arg;
	WB_CLEAN_MANAGER m = {};
	WB_CLEAN_WORLD world = {};
	WB_CLEAN_STR text = NULL;
	int r = user->host->open(user->host->ctx, user->uid, &m, err);

	if (r == 0)
		r = wb_world_observe(user->host, &m, user->uid, &world, err);
	if (r < 0)
		return r;
	if (wb_world_print(&world, &text) < 0)
		return oom(err);
	return give(out, text, err);
}

static int user_glance(void *arg, struct wb_blob *out, struct wb_error *err)
{
	const struct user *user = arg;
	WB_CLEAN_MANAGER m = {};
	WB_CLEAN_WORLD world = {};
	WB_CLEAN_STR text = NULL;
	int r = user->host->open(user->host->ctx, user->uid, &m, err);

	if (r == 0)
		r = wb_world_glance(&m, user->uid, &world, err);
	if (r < 0)
		return r;
	if (wb_world_print(&world, &text) < 0)
		return oom(err);
	return give(out, text, err);
}

/* The world of a user's manager, by way of `job`. */
static int ask_user(const struct wb_replay_host *host, uint32_t uid, wb_user_job job,
	struct wb_world *ret, struct wb_error *err)
{
	struct user user = {host, uid, NULL, 0, NULL};
	WB_CLEAN_BLOB answer = {};
	WB_CLEAN_WORLD world = {};
	char name[64];
	int r = host->as_user(host->ctx, uid, SECONDS_TO_LOOK, job, &user, &answer, err);

	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "the answer of user %u's manager", uid);
	r = wb_world_parse(wb_blob_view(&answer), name, &world, err);
	if (r < 0)
		return r;
	/* It is the user's word. */
	world.uid = uid;
	*ret = world;
	world = (struct wb_world){};
	return 0;
}

/* The uid of "user@UID.service". */
static bool is_user_manager(const char *unit, uint32_t *ret)
{
	char rest[16] = "";

	return sscanf(unit, "user@%" SCNu32 "%15s", ret, rest) == 2 && !strcmp(rest, ".service");
}

static int record_users(const struct wb_replay_host *host, struct wb_units *units,
	struct wb_strv *warnings, struct wb_error *err)
{
	/* Adding a world moves them. */
	size_t n = units->worlds[0].n_units;

	for (size_t i = 0; i < n; i++) {
		WB_CLEAN_WORLD world = {};
		struct wb_error why = {};
		uint32_t uid;
		int r;

		if (!is_user_manager(units->worlds[0].units[i].name, &uid))
			continue;
		r = ask_user(host, uid, user_observe, &world, &why);
		if (r == 0)
			r = wb_units_add_world(units, &world);
		else
			r = wb_strv_addf(warnings, "the units of user %u are not recorded: %s", uid,
				why.text);
		if (r < 0)
			return oom(err);
	}
	return 0;
}

int wb_replay_record(const struct wb_replay_host *host, const struct wb_record *jump,
	struct wb_strv *warnings, struct wb_error *err)
{
	WB_CLEAN_UNITS units = {.time = jump->time};
	WB_CLEAN_MANAGER m = {};
	WB_CLEAN_WORLD world = {};
	int r;

	units.boot_id = jump->boot_id ? strdup(jump->boot_id) : NULL;
	units.nonce = jump->nonce ? strdup(jump->nonce) : NULL;
	if ((jump->boot_id && !units.boot_id) || (jump->nonce && !units.nonce))
		return oom(err);
	r = host->open(host->ctx, -1, &m, err);
	if (r == 0)
		r = wb_world_observe(host, &m, -1, &world, err);
	if (r < 0)
		return r;
	if (wb_units_add_world(&units, &world) < 0)
		return oom(err);
	r = record_users(host, &units, warnings, err);
	return r < 0 ? r : wb_units_write(host->sys, &units, err);
}

int wb_replay_record_first(const struct wb_replay_host *host, struct wb_blob *ret_before,
	struct wb_strv *warnings, struct wb_error *err)
{
	const struct wb_sys *sys = host->sys;
	WB_CLEAN_RECORD jump = {};
	WB_CLEAN_BLOB before = {};
	struct wb_error why = {};
	int r;

	sys->files->read(sys->files->ctx, WB_UNITS_PATH, WB_UNITS_LARGEST, &before, NULL);
	r = wb_record_read(sys->files, WB_RECORD_JUMP, &jump, &why);
	if (r == 0)
		r = wb_replay_record(host, &jump, warnings, &why);
	/* Somebody can mend this, and would not want to find those units down. */
	if (r == -ENOSPC || r == -EDQUOT)
		return wb_fail(err, r,
			"what runs cannot be recorded, and units started by hand would stay down "
			"after the jump: %s; make room there and try again",
			why.text);
	if (r < 0) {
		sys->remove_file(sys->ctx, WB_UNITS_PATH);
		if (wb_strv_addf(warnings,
			    "what runs is not recorded, so that units started by hand stay down "
			    "after the jump: %s",
			    why.text) < 0)
			return oom(err);
	}
	*ret_before = before;
	before = (struct wb_blob){};
	return 0;
}

void wb_replay_take_back(const struct wb_sys *sys, const struct wb_blob *before)
{
	if (!before->size ||
		sys->write_file(sys->ctx, WB_UNITS_PATH, wb_blob_view(before), 0600) < 0)
		sys->remove_file(sys->ctx, WB_UNITS_PATH);
}

/* ---- start ---- */

/* Which transient units have to be made; those that run came back in another way. */
static int find_transient(const struct wb_replay_host *host, struct wb_manager *m,
	const struct wb_world *before, struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_WORLD now = {};
	WB_CLEAN_STRV all = {};
	int r;

	if (wb_runtime_files_transient(host->sys->files, before, &all) < 0)
		return oom(err);
	r = all.n ? wb_world_glance(m, before->uid, &now, err) : 0;
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		bool up = false;

		for (size_t k = 0; k < now.n_units; k++)
			up |= !strcmp(now.units[k].name, all.items[i]) &&
			      wb_unit_is_up(&now.units[k]);
		if (!up && wb_strv_add(ret, all.items[i]) < 0)
			r = oom(err);
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
		return oom(err);
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
		r = oom(err);
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
		return oom(err);
	if (wb_results_print(&results, &text) < 0)
		return oom(err);
	return give(out, text, err);
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
		r = oom(err);
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
		return oom(err);
	if (wb_results_print(&results, &text) < 0)
		return oom(err);
	return give(out, text, err);
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

static int write_results(
	const struct wb_sys *sys, const struct wb_results *results, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	int r = wb_results_print(results, &text);

	if (r < 0)
		return oom(err);
	r = sys->write_file(sys->ctx, WB_REPLAY_PATH,
		(struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", WB_REPLAY_PATH, strerror(-r));
	return 0;
}

/* What a replay in this boot left; nothing if there was none. */
static void read_results(const struct wb_files *files, const char *boot_id, struct wb_results *ret)
{
	WB_CLEAN_RESULTS results = {};
	WB_CLEAN_BLOB blob = {};

	if (files->read(files->ctx, WB_REPLAY_PATH, WB_UNITS_LARGEST, &blob, NULL) < 0)
		return;
	if (wb_results_parse(wb_blob_view(&blob), WB_REPLAY_PATH, &results, NULL) < 0)
		return;
	if (!results.boot_id || !boot_id || strcmp(results.boot_id, boot_id))
		return;
	*ret = results;
	results = (struct wb_results){};
}

/* Is it for this boot? *ret_why as of wb_replay_due(). */
static int check_due(const struct wb_files *files, const struct wb_units *units,
	struct wb_traces *ret_traces, const char **ret_why, struct wb_error *err)
{
	WB_CLEAN_RECORD jump = {};
	WB_CLEAN_RESULTS left = {};
	bool known = wb_record_read(files, WB_RECORD_JUMP, &jump, NULL) == 0;

	if (wb_traces_read(files, ret_traces) < 0)
		return oom(err);
	if (!wb_replay_due(units, known ? &jump : NULL, ret_traces, ret_why))
		return 0;
	/* The record cannot always be marked. */
	read_results(files, ret_traces->boot_id, &left);
	if (left.boot_id)
		*ret_why = "it has been replayed already";
	return 0;
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
		return oom(err);
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
	return r < 0 || warned < 0 ? oom(err) : 0;
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
		return oom(err);
	results->pid = getpid();
	noted = write_results(sys, results, err);
	r = wb_units_write(sys, units, &why);
	if (r == 0)
		return 0;
	if (noted < 0)
		return wb_fail(err, r, "%s", why.text);
	return wb_results_warn(results, "%s; until the next boot %s says that it was replayed",
		       why.text, WB_REPLAY_PATH) < 0
		       ? oom(err)
		       : 0;
}

/* They did not run any more when the jump was made. */
static int leave_ended(
	const struct wb_replay_host *host, struct wb_units *units, struct wb_error *err)
{
	const struct wb_world *world = wb_units_world(units, -1);

	for (size_t i = 0; host->ended && world && i < world->n_units; i++) {
		struct wb_unit *u = &world->units[i];

		if (!wb_strv_has(host->ended, u->name))
			continue;
		free(u->active);
		u->active = strdup("inactive");
		if (!u->active)
			return oom(err);
	}
	return 0;
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
	r = check_due(host->sys->files, &units, &traces, &why, err);
	if (r < 0)
		return r;
	if (why && !force)
		return wb_fail(err, -EALREADY, "the record of units is not replayed: %s", why);
	r = leave_ended(host, &units, err);
	if (r < 0)
		return r;
	r = put_down(host->sys, traces.boot_id ? traces.boot_id : "", &units, &results, err);
	if (r == 0)
		r = replay_all(host, &units, &results, err);
	results.pid = 0;
	if (r == 0)
		r = write_results(host->sys, &results, err);
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
		r = check_due(host->sys->files, &units, &traces, &why, err);
	world = wb_units_world(&units, -1);
	if (r < 0 || why || !world)
		return r < 0 ? r : 0;
	return wb_runtime_files_generate(host, world, normal, early) < 0 ? oom(err) : 0;
}

/* ---- compare ---- */

static int compare_world(const struct wb_replay_host *host, const struct wb_world *before,
	struct wb_world_difference *ret, struct wb_error *err)
{
	WB_CLEAN_MANAGER m = {};
	int r;

	ret->uid = before->uid;
	if (before->uid >= 0) {
		r = ask_user(host, (uint32_t)before->uid, user_glance, &ret->now, err);
	} else {
		r = host->open(host->ctx, -1, &m, err);
		if (r == 0)
			r = wb_world_glance(&m, -1, &ret->now, err);
	}
	if (r < 0)
		return r;
	return wb_replay_plan(before, &ret->now, &ret->plan) < 0 ? oom(err) : 0;
}

/* There is no record for this boot. Should there be one? */
static int fail_unrecorded(const struct wb_files *files, struct wb_error *err)
{
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_RECORD jump = {};
	bool known = wb_record_read(files, WB_RECORD_JUMP, &jump, NULL) == 0;

	if (wb_traces_read(files, &traces) < 0)
		return oom(err);
	if (!wb_is_after_jump(known ? &jump : NULL, &traces))
		return wb_fail(err, -ENOENT, "this boot did not come from a jump");
	return wb_fail(err, -ENODATA, "what ran before the jump was not recorded");
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

/* due: it was not begun. */
static int set_why_not(struct wb_differences *d, bool due)
{
	const char *why;

	if (due && has_failed(d, "warmboot-replay.service"))
		why = "warmboot-replay.service failed before it could be started again; "
		      "\"warmboot replay start\" repeats that";
	else if (due)
		why = "warmboot-replay.service has not started it again yet";
	else if (d->running)
		why = "the replay is still at work, and has not told of it yet";
	else if (d->results.pid)
		why = "the replay was broken off before it told of it; \"warmboot replay start "
		      "--force\" repeats it";
	else
		return 0;
	d->why_not = strdup(why);
	return d->why_not ? 0 : -ENOMEM;
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
	/* The sentence names the file, and says what to do. */
	if (r == -EBADMSG)
		return -ENODATA;
	if (r < 0)
		return r;
	r = check_due(files, &d.before, &traces, &why, err);
	if (r < 0)
		return r;
	read_results(files, traces.boot_id, &d.results);
	if (why && !d.results.boot_id &&
		!(d.before.replayed_boot && traces.boot_id &&
			!strcmp(d.before.replayed_boot, traces.boot_id)))
		return fail_unrecorded(files, err);
	r = leave_ended(host, &d.before, err);
	if (r < 0)
		return r;
	d.running = is_running(files, d.results.pid);
	d.worlds = calloc(d.before.n_worlds + 1, sizeof(*d.worlds));
	if (!d.worlds)
		return oom(err);
	for (size_t i = 0; i < d.before.n_worlds; i++) {
		struct wb_world_difference *w = &d.worlds[d.n];
		struct wb_error ignored;

		/* A user's manager may be gone; the warnings of the replay tell of it. */
		r = compare_world(host, &d.before.worlds[i], w, &ignored);
		if (r < 0 && d.before.worlds[i].uid < 0)
			return wb_fail(err, r, "%s", ignored.text);
		d.n += r == 0;
		if (r < 0)
			wb_world_deinit(&w->now);
	}
	if (set_why_not(&d, !why) < 0)
		return oom(err);
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
