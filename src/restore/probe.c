// SPDX-License-Identifier: LGPL-2.1-or-later
/* Asking services that have a probe until each has answered once. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "restore/restore.h"
#include "choice/config.h"
#include "timeline/marks.h"

/* The longest wait for a service's first answer, the pause between questions, and the time for one. */
#define PATIENCE_S 300
#define PAUSE_MS 50
#define ONE_MS 500
/* A command is a new process each time. */
#define COMMAND_MS 5000

struct wanted {
	const char *unit;
	struct wb_probe probe;
	bool answered;
};

typedef void (*tell_fn)(void *arg, const struct wb_error *why);

/* The units to ask. A service that has answered in this boot is left out, and so is a wrong probe. */
static size_t choose(const struct wb_restore_host *h, const struct wb_keep_configs *all,
	struct wanted *ret, tell_fn tell, void *arg)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_MARKS marks = {};
	size_t n = 0;

	wb_marks_read(files, &marks, NULL);
	for (size_t i = 0; i < all->n; i++) {
		const struct wb_keep_config *c = &all->items[i];
		const char *unit = c->unit ? c->unit : c->name;
		struct wb_error err = {};

		if (!c->probe || wb_marks_have_unit(files, &marks, WB_MARK_PROBE, unit))
			continue;
		if (wb_probe_parse(c->probe, &ret[n].probe, &err) < 0)
			tell(arg, &err);
		else
			ret[n++].unit = unit;
	}
	return n;
}

/* The number of services that have not answered yet. */
static size_t ask_all(const struct wb_restore_host *h, struct wanted *w, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		int ms = w[i].probe.kind == WB_PROBE_EXEC ? COMMAND_MS : ONE_MS;

		if (w[i].answered)
			continue;
		if (wb_probe_ask(h->probes, &w[i].probe, ms) == 0) {
			wb_mark_unit(h->sys, WB_MARK_PROBE, w[i].unit);
			w[i].answered = true;
		} else {
			left++;
		}
	}
	return left;
}

static size_t ask_until_answered(
	const struct wb_restore_host *h, struct wanted *w, size_t n, uint64_t end_ns)
{
	const struct wb_sys *sys = h->sys;
	size_t left;

	sys->write_file(sys->ctx, WB_PROBING, (struct wb_bytes){}, 0600);
	while ((left = ask_all(h, w, n)) && sys->mono_ns(sys->ctx) < end_ns)
		h->pause(h->ctx, PAUSE_MS);
	sys->remove_file(sys->ctx, WB_PROBING);
	return left;
}

int wb_restore_probe(const struct wb_restore_host *h, tell_fn tell, void *arg, struct wb_error *err)
{
	const uint64_t end_ns = h->sys->mono_ns(h->sys->ctx) + PATIENCE_S * 1000000000ull;
	WB_CLEAN_KEEP_CONFIGS all = {};
	struct wanted *w;
	size_t n, left;
	int turn, r = wb_keep_configs_read(h->sys->files, &all, err);

	if (r < 0)
		return r;
	w = calloc(all.n + 1, sizeof(*w));
	if (!w)
		return wb_oom(err);
	turn = h->take_turn(h->ctx);
	n = choose(h, &all, w, tell, arg);
	left = ask_until_answered(h, w, n, end_ns);
	if (turn >= 0)
		close(turn);
	for (size_t i = 0; i < n; i++) {
		struct wb_error why = {};

		if (w[i].answered)
			continue;
		wb_fail(&why, -ETIMEDOUT, "%s did not answer its probe within %d s", w[i].unit,
			PATIENCE_S);
		tell(arg, &why);
	}
	free(w);
	return left ? 1 : 0;
}
