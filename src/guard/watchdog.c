// SPDX-License-Identifier: LGPL-2.1-or-later
/* The table of watchdogs. */
#include <errno.h>

#include "guard/pci.h"
#include "guard/watchdog.h"
#include "purgatory/steps.h"

const struct wb_watchdog_kind *const wb_watchdogs_all[] = {
	&wb_watchdog_6300esb,
	&wb_watchdog_tco,
	&wb_watchdog_ib700,
	&wb_watchdog_driver,
	NULL,
};

void wb_steps_add(struct wb_steps *steps, enum wb_reg_space space, uint64_t address, uint8_t width,
	uint32_t keep, uint32_t set)
{
	steps->items[steps->n++] = (struct wb_reg_step){.address = address,
		.keep = keep,
		.set = set,
		.space = (uint8_t)space,
		.width = width};
}

/* Can purgatory reach its registers? */
static int check_reach(const struct wb_watchdog *w, struct wb_error *err)
{
	struct wb_steps arm = {}, feed = {}, stop = {};

	w->kind->arm(w, w->most_s, &arm);
	w->kind->feed(w, w->most_s, &feed);
	w->kind->stop(w, &stop);
	if (wb_steps_valid(arm.items, arm.n) && wb_steps_valid(feed.items, feed.n) &&
		wb_steps_valid(stop.items, stop.n))
		return 1;
	return wb_fail(err, -EOPNOTSUPP, "purgatory cannot reach the addresses of %s", w->device);
}

static int find_kind(const struct wb_files *files, const struct wb_watchdog_kind *kind,
	struct wb_watchdog *ret, struct wb_error *err)
{
	int r = kind->find(files, ret, err);

	if (r <= 0)
		return r;
	ret->kind = kind;
	if (kind->most_s) {
		ret->least_s = kind->least_s;
		ret->most_s = kind->most_s;
	}
	return check_reach(ret, err);
}

int wb_watchdog_find(const struct wb_files *files, const struct wb_watchdog_ways *ways,
	struct wb_watchdog *ret, struct wb_error *err)
{
	struct wb_error first = {};

	for (size_t i = 0; wb_watchdogs_all[i]; i++) {
		const struct wb_watchdog_kind *kind = wb_watchdogs_all[i];
		struct wb_watchdog w = {};
		struct wb_error why = {};
		int r;

		if (!(kind->runs_on ? ways->shutdown : ways->registers))
			continue;
		r = find_kind(files, kind, &w, &why);
		if (r > 0) {
			*ret = w;
			return 0;
		}
		if (r == -ENOMEM)
			return wb_oom(err);
		/* Another kind may do; the first one that cannot be used is told. */
		if (r < 0 && !first.code)
			wb_fail(&first, r, "%s: %s", kind->name, why.text);
	}
	if (first.code)
		return wb_fail(err, first.code, "%s", first.text);
	return wb_fail(err, -ENOENT,
		"this machine has no watchdog that warmboot knows (docs/guard.md lists them)");
}

int wb_watchdog_check_time(const struct wb_watchdog *w, unsigned int seconds, struct wb_error *err)
{
	if (seconds >= w->least_s && seconds <= w->most_s)
		return 0;
	return wb_fail(err, -ERANGE, "the watchdog %s takes %u to %u s, not %u", w->kind->name,
		w->least_s, w->most_s, seconds);
}
