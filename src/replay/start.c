// SPDX-License-Identifier: LGPL-2.1-or-later
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

struct run {
	struct wb_manager *m;
	int64_t uid;
	struct wb_start_limits limits;
	uint64_t end; /* of it all */
	struct pending *items;
	size_t n, left;
	struct wb_results *results;
};

static void run_deinit(struct run *run)
{
	for (size_t i = 0; i < run->n; i++)
		free(run->items[i].job);
	free(run->items);
}

#define CLEAN_RUN __attribute__((cleanup(run_deinit))) struct run

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int settle(struct run *run, struct pending *p, const char *result, const char *why)
{
	free(p->job);
	p->job = NULL;
	run->left--;
	return wb_results_add(run->results, run->uid, p->unit, result, why);
}

static int settle_failed(struct run *run, struct pending *p, const char *word)
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

/* systemd's words for the end of a job: systemctl(1), --wait, and JobRemoved in its D-Bus pages. */
static int settle_by_word(struct run *run, struct pending *p, const char *word)
{
	if (!strcmp(word, "done"))
		return settle(run, p, "started", "");
	if (!strcmp(word, "skipped"))
		return settle(run, p, "skipped", "a condition in its unit file does not hold now");
	return settle_failed(run, p, word);
}

static int ask(struct run *run, const char *unit)
{
	struct pending *p = &run->items[run->n++];
	struct wb_error err = {};
	int r;

	p->unit = unit;
	p->until = earlier(run->m->now_usec(run->m->ctx) + run->limits.unit, run->end);
	run->left++;
	r = run->m->start(run->m->ctx, unit, &p->job, &err);
	return r < 0 ? settle(run, p, "failed", err.text) : 0;
}

/* Some unit's time is up, or all time is. */
static int check_late(struct run *run)
{
	uint64_t now = run->m->now_usec(run->m->ctx);
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->n; i++) {
		struct pending *p = &run->items[i];

		if (!p->job || now < p->until)
			continue;
		/* It is others who are late, and they have their own limits. */
		if (now < run->end && run->m->is_waiting(run->m->ctx, p->job)) {
			p->until = earlier(now + run->limits.unit, run->end);
			continue;
		}
		/* What waits for it need not wait any more; its own start goes on. */
		run->m->cancel(run->m->ctx, p->job);
		r = settle(run, p, "late", "it had not started in time; systemd was left to it");
	}
	return r;
}

static int wait_for_one(struct run *run, struct wb_error *err)
{
	WB_CLEAN_STR job = NULL;
	WB_CLEAN_STR word = NULL;
	uint64_t until = run->end;
	int r;

	for (size_t i = 0; i < run->n; i++)
		if (run->items[i].job)
			until = earlier(until, run->items[i].until);
	r = run->m->wait(run->m->ctx, until, &job, &word, err);
	if (r < 0)
		return r;
	if (r == 0)
		return check_late(run);
	/* Two units may be one by another name, and then share a job. */
	r = 0;
	for (size_t i = 0; r == 0 && i < run->n; i++)
		if (run->items[i].job && !strcmp(run->items[i].job, job))
			r = settle_by_word(run, &run->items[i], word);
	return r;
}

int wb_plan_start(struct wb_manager *m, const struct wb_replay_plan *plan, int64_t uid,
	struct wb_start_limits limits, struct wb_results *ret, struct wb_error *err)
{
	CLEAN_RUN run = {
		.m = m,
		.uid = uid,
		.limits = limits,
		.end = m->now_usec(m->ctx) + limits.total,
		.items = calloc(plan->n_start + 1, sizeof(*run.items)),
		.results = ret,
	};
	int r = run.items ? 0 : -ENOMEM;

	/*
	 * systemd orders the jobs that it has: in this order, each finds those that it waits for
	 * already there.
	 */
	for (size_t i = 0; r == 0 && i < plan->n_start; i++)
		r = ask(&run, plan->start[i].unit->name);
	while (r == 0 && run.left) {
		r = wait_for_one(&run, err);
		if (r < 0 && r != -ENOMEM)
			return r;
	}
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}
