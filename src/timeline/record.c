// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording the running boot for the history, once it is up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timeline/gather.h"
#include "timeline/history.h"

/* Three times the default timeout of the slowest unit (DefaultTimeoutStartSec=). */
#define WAIT_S 300
#define PAUSE_MS 500
/* There is one record a boot; the unit that makes it looks for this file. */
#define RECORDED "/run/warmboot/timeline-recorded"

/* The boot as far as it is known now. */
static int measure(const struct wb_sys *sys, const struct wb_sources *sources,
	struct wb_timeline *ret, struct wb_error *err)
{
	struct wb_facts *facts = calloc(1, sizeof(*facts));
	int r = facts ? wb_facts_read(sys, sources, facts, err) : wb_oom(err);

	if (r == 0) {
		r = wb_timeline_make(facts, ret, err);
		wb_facts_deinit(facts);
	}
	free(facts);
	return r;
}

/*
 * Wait until systemd has started everything and services with a probe have answered. A boot that does
 * not get there is recorded as it is.
 */
static void wait_until_up(
	const struct wb_sys *sys, const struct wb_sources *sources, void (*pause)(unsigned ms))
{
	const uint64_t end = sys->mono_ns(sys->ctx) + WAIT_S * UINT64_C(1000000000);
	struct wb_user_times times = {};

	while (sys->mono_ns(sys->ctx) < end) {
		bool probing = sys->files->exists(sys->files->ctx, WB_PROBING);

		if (sources->user_times(sources->ctx, &times) < 0 || (times.finish_us && !probing))
			return;
		pause(PAUSE_MS);
	}
}

static int add(const struct wb_sys *sys, struct wb_timeline *t, struct wb_error *err)
{
	WB_CLEAN_HISTORY history = {};
	const struct wb_timeline *last;
	int r = wb_history_read(sys->files, &history, err);

	if (r < 0)
		return r;
	last = history.n ? history.items[history.n - 1] : NULL;
	/* The record of the boot before has the name of its kernel. */
	if (!*t->from && last && !strcmp(last->boot, t->previous))
		snprintf(t->from, sizeof(t->from), "%s", last->to);
	if (!last || strcmp(last->boot, t->boot))
		r = wb_history_add(sys, t, err);
	return r;
}

int wb_timeline_record(const struct wb_sys *sys, const struct wb_sources *sources,
	void (*pause)(unsigned ms), struct wb_error *err)
{
	struct wb_timeline *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return wb_oom(err);
	wait_until_up(sys, sources, pause);
	r = measure(sys, sources, t, err);
	if (r == 0)
		r = add(sys, t, err);
	/* Marks of boots that are on record have been used. */
	if (r == 0)
		r = wb_marks_keep_only(sys, t->boot, err);
	if (r == 0)
		sys->write_file(sys->ctx, RECORDED, (struct wb_bytes){}, 0600);
	free(t);
	return r;
}

bool wb_timeline_is_of_this_boot(const struct wb_files *files, const struct wb_timeline *t)
{
	WB_CLEAN_BLOB id = {};

	return files->read(files->ctx, "/proc/sys/kernel/random/boot_id", 4096, &id, NULL) < 0 ||
	       !strncmp(t->boot, (const char *)id.data, strlen(t->boot));
}
