// SPDX-License-Identifier: LGPL-2.1-or-later
/* Starting the units of a plan through a manager, with a time limit for each unit and for all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/start.h"

/* A unit whose start was asked for. */
struct pending {
	const char *unit;
	char *job; /* NULL: its end is known */
	uint64_t until;
};

struct wb_start {
	struct wb_manager *m;
	int64_t uid;
	struct wb_start_limits limits;
	struct pending *items;
	size_t n, left;
	struct wb_results *results;
};

void wb_start_free(struct wb_start *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->n; i++)
		free(run->items[i].job);
	free(run->items);
	free(run);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int settle(struct wb_start *run, struct pending *p, const char *result, const char *why)
{
	free(p->job);
	p->job = NULL;
	run->left--;
	return wb_results_add(run->results, run->uid, p->unit, result, why);
}

static int settle_failed(struct wb_start *run, struct pending *p, const char *word)
{
	WB_CLEAN_STR result = run->m->result(run->m->ctx, p->unit);
	char why[512];

	if (!strcmp(word, "dependency"))
		snprintf(why, sizeof(why), "a unit that it needs did not start");
	else if (!strcmp(word, "timeout"))
		snprintf(why, sizeof(why), "its start took longer than its own limit");
	else if (!strcmp(word, "canceled"))
		snprintf(why, sizeof(why), "its start was called off by another one's");
	else
		snprintf(why, sizeof(why), "it did not start (%s%s%s); see journalctl -b -u %s",
			word, result ? ": " : "", result ? result : "", p->unit);
	return settle(run, p, "failed", why);
}

/*
 * Set the result of a unit from systemd's word for the end of its job: systemctl(1), --wait, and
 * JobRemoved in its D-Bus pages.
 */
static int settle_by_word(struct wb_start *run, struct pending *p, const char *word)
{
	if (!strcmp(word, "done"))
		return settle(run, p, "started", "");
	if (!strcmp(word, "skipped"))
		return settle(run, p, "skipped", "a condition in its unit file does not hold now");
	return settle_failed(run, p, word);
}

static int ask(struct wb_start *run, const char *unit)
{
	struct pending *p = &run->items[run->n++];
	struct wb_error err = {};
	int r;

	p->unit = unit;
	p->until = earlier(run->m->now_usec(run->m->ctx) + run->limits.unit, run->limits.end);
	run->left++;
	r = run->m->start(run->m->ctx, unit, &p->job, &err);
	return r < 0 ? settle(run, p, "failed", err.text) : 0;
}

/* Handle the units whose time is up, or all if the whole time is up. */
static int check_late(struct wb_start *run)
{
	uint64_t now = run->m->now_usec(run->m->ctx);
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->n; i++) {
		struct pending *p = &run->items[i];

		if (!p->job || now < p->until)
			continue;
		/* Its job waits for others, which have their own limits. */
		if (now < run->limits.end && run->m->is_waiting(run->m->ctx, p->job)) {
			p->until = earlier(now + run->limits.unit, run->limits.end);
			continue;
		}
		/* Other units need not wait for it any longer; its own start goes on. */
		run->m->cancel(run->m->ctx, p->job);
		r = settle(run, p, "late", "it had not started in time; systemd was left to it");
	}
	return r;
}

/* Wait for the end of one job. 0: it is `until`. */
static int wait_for_one(struct wb_start *run, uint64_t until, struct wb_error *err)
{
	WB_CLEAN_STR job = NULL;
	WB_CLEAN_STR word = NULL;
	uint64_t next = earlier(until, run->limits.end);
	int r;

	for (size_t i = 0; i < run->n; i++)
		if (run->items[i].job)
			next = earlier(next, run->items[i].until);
	r = run->m->wait(run->m->ctx, next, &job, &word, err);
	if (r < 0)
		return r;
	if (r == 0) {
		r = check_late(run);
		return r < 0 ? r : run->m->now_usec(run->m->ctx) < until;
	}
	/* Two units may be one under two names, and share a job. */
	r = 0;
	for (size_t i = 0; r == 0 && i < run->n; i++)
		if (run->items[i].job && !strcmp(run->items[i].job, job))
			r = settle_by_word(run, &run->items[i], word);
	return r < 0 ? r : 1;
}

int wb_start_begin(struct wb_manager *m, const struct wb_replay_plan *plan, int64_t uid,
	struct wb_start_limits limits, struct wb_results *results, struct wb_start **ret,
	struct wb_error *err)
{
	WB_CLEAN_START run = calloc(1, sizeof(*run));
	int r = 0;

	if (run)
		run->items = calloc(plan->n_start + 1, sizeof(*run->items));
	if (!run || !run->items)
		return wb_oom(err);
	run->m = m;
	run->uid = uid;
	run->limits = limits;
	run->results = results;
	/*
	 * systemd orders the jobs that exist. In this order, each job finds those that it waits
	 * for.
	 */
	for (size_t i = 0; r == 0 && i < plan->n_start; i++)
		r = ask(run, plan->start[i].unit->name);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	*ret = run;
	run = NULL;
	return 0;
}

int wb_start_wait(struct wb_start *run, uint64_t until, struct wb_error *err)
{
	int r = 1;

	while (r > 0 && run->left)
		r = wait_for_one(run, until, err);
	if (r == -ENOMEM)
		return wb_fail(err, r, "out of memory");
	return r < 0 ? r : !run->left;
}

int wb_plan_start(struct wb_manager *m, const struct wb_replay_plan *plan, int64_t uid,
	struct wb_start_limits limits, struct wb_results *ret, struct wb_error *err)
{
	WB_CLEAN_START run = NULL;
	int r = wb_start_begin(m, plan, uid, limits, ret, &run, err);

	/* After the limit every unit counts as late, so this ends. */
	if (r == 0)
		r = wb_start_wait(run, UINT64_MAX, err);
	return r < 0 ? r : 0;
}
