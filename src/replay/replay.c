// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording, replaying and comparing: PID 1's world here, a user's in a process with its rights. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/manager.h"
#include "replay/start.h"

#define SECOND 1000000ull
/* systemd's own default for a start is 90 s. */
static const struct wb_start_limits limits = {100 * SECOND, 300 * SECOND};
/* Looking takes no time, but a user's process could. */
#define SECONDS_TO_LOOK 10
#define SECONDS_TO_START 330

/* A user's manager, and what is to be done with it. */
struct user {
	const struct wb_replay_host *host;
	uint32_t uid;
	const struct wb_world *before;
};

static int warn(struct wb_strv *warnings, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int warn(struct wb_strv *warnings, const char *fmt, ...)
{
	WB_CLEAN_STR text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return wb_strv_add(warnings, text);
}

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
	struct user user = {host, uid, NULL};
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
			r = warn(warnings, "the units of user %u are not recorded: %s", uid,
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

static int replay_units(struct wb_manager *m, const struct wb_world *before,
	struct wb_results *results, struct wb_error *err)
{
	WB_CLEAN_WORLD now = {};
	WB_CLEAN_REPLAY_PLAN plan = {};
	int r = wb_world_glance(m, before->uid, &now, err);

	if (r < 0)
		return r;
	if (wb_replay_plan(before, &now, &plan) < 0)
		return oom(err);
	return wb_plan_start(m, &plan, before->uid, limits, results, err);
}

/* One manager: its files, then its units. */
static int replay_world(const struct wb_replay_host *host, const struct wb_world *before,
	struct wb_results *results, struct wb_error *err)
{
	WB_CLEAN_MANAGER m = {};
	WB_CLEAN_STRV made = {};
	size_t written = 0;
	int r = host->open(host->ctx, before->uid, &m, err);

	if (r == 0)
		r = find_transient(host, &m, before, &made, err);
	if (r < 0)
		return r;
	/* If not, they are units with a file that stays; it is written either way. */
	if (made.n)
		m.make_transient(m.ctx, &made, NULL);
	if (wb_runtime_files_write(host, before, &made, &written, &results->warnings) < 0)
		r = oom(err);
	if (r == 0 && written)
		r = m.reload(m.ctx, err);
	if (r == 0)
		r = replay_units(&m, before, results, err);
	if (made.n)
		m.release(m.ctx);
	return r;
}

static int user_replay(void *arg, struct wb_blob *out, struct wb_error *err)
{
	const struct user *user = arg;
	WB_CLEAN_RESULTS results = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error why = {};
	int r = replay_world(user->host, user->before, &results, &why);

	/* What was done so far is worth telling, too. */
	if (r < 0 && wb_strv_add(&results.warnings, why.text) < 0)
		return oom(err);
	if (wb_results_print(&results, &text) < 0)
		return oom(err);
	return give(out, text, err);
}

/* logind starts the managers of those who linger, in its own time: join it, or have it done. */
static int await_user(const struct wb_replay_host *host, uint32_t uid, struct wb_error *err)
{
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

static int take_user_results(const struct wb_results *from, uint32_t uid, struct wb_results *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = wb_results_add(
			to, uid, from->items[i].unit, from->items[i].result, from->items[i].why);
	for (size_t i = 0; r == 0 && i < from->warnings.n; i++)
		r = warn(&to->warnings, "user %u: %s", uid, from->warnings.items[i]);
	return r;
}

static int replay_user(const struct wb_replay_host *host, const struct wb_world *before,
	struct wb_results *results, struct wb_error *err)
{
	uint32_t uid = (uint32_t)before->uid;
	struct user user = {host, uid, before};
	WB_CLEAN_BLOB answer = {};
	WB_CLEAN_RESULTS got = {};
	int r;

	if (!host->lingers(host->ctx, uid))
		return wb_fail(err, -ENOENT, "it does not linger any more");
	r = await_user(host, uid, err);
	if (r == 0)
		r = host->as_user(
			host->ctx, uid, SECONDS_TO_START, user_replay, &user, &answer, err);
	if (r == 0)
		r = wb_results_parse(wb_blob_view(&answer), "its answer", &got, err);
	if (r == 0 && take_user_results(&got, uid, results) < 0)
		r = oom(err);
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

/* Is it for this boot? *ret_why as of wb_replay_due(). */
static int check_due(const struct wb_files *files, const struct wb_units *units,
	struct wb_traces *ret_traces, const char **ret_why, struct wb_error *err)
{
	WB_CLEAN_RECORD jump = {};
	bool known = wb_record_read(files, WB_RECORD_JUMP, &jump, NULL) == 0;

	if (wb_traces_read(files, ret_traces) < 0)
		return oom(err);
	return wb_replay_due(units, known ? &jump : NULL, ret_traces, ret_why);
}

static int replay_all(const struct wb_replay_host *host, const struct wb_units *units,
	struct wb_results *results, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < units->n_worlds; i++) {
		const struct wb_world *before = &units->worlds[i];
		struct wb_error why = {};

		if (before->uid < 0) {
			r = replay_world(host, before, results, &why);
			if (r < 0)
				r = wb_strv_add(&results->warnings, why.text);
		} else {
			r = replay_user(host, before, results, &why);
			if (r < 0)
				r = warn(&results->warnings,
					"the units of user %" PRId64 " are not started again: %s",
					before->uid, why.text);
		}
	}
	return r < 0 ? oom(err) : 0;
}

int wb_replay_start(
	const struct wb_replay_host *host, bool force, struct wb_results *ret, struct wb_error *err)
{
	WB_CLEAN_RESULTS results = {};
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
	/* Put down first: what ends a replay half-way must not come again with the next. */
	free(units.replayed_boot);
	units.replayed_boot = strdup(traces.boot_id ? traces.boot_id : "");
	results.boot_id = strdup(traces.boot_id ? traces.boot_id : "");
	if (!units.replayed_boot || !results.boot_id)
		return oom(err);
	r = wb_units_write(host->sys, &units, err);
	if (r == 0)
		r = replay_all(host, &units, &results, err);
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

int wb_replay_compare(
	const struct wb_replay_host *host, struct wb_differences *ret, struct wb_error *err)
{
	const struct wb_files *files = host->sys->files;
	WB_CLEAN_DIFFERENCES d = {};
	WB_CLEAN_TRACES traces = {};
	const char *why = NULL;
	int r = wb_units_read(files, &d.before, err);

	if (r < 0)
		return r;
	r = check_due(files, &d.before, &traces, &why, err);
	if (r < 0)
		return r;
	if (why && !(d.before.replayed_boot && traces.boot_id &&
			   !strcmp(d.before.replayed_boot, traces.boot_id)))
		return wb_fail(err, -ENOENT, "the record of units is not of this boot: %s", why);
	if (!why) {
		d.why_not = strdup("warmboot-replay.service has not started it again yet");
		if (!d.why_not)
			return oom(err);
	}
	read_results(files, traces.boot_id, &d.results);
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
	const struct wb_result *result =
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
