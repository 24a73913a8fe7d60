// SPDX-License-Identifier: LGPL-2.1-or-later
/* The looks of the health gate: at systemd, kept services, probes. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "choice/config.h"
#include "core/text.h"
#include "session/gate-parts.h"
#include "session/status.h"
#include "systemd/health.h"
#include "systemd/systemctl.h"
#include "timeline/marks.h"

/* Time for a probe. */
#define PROBE_MS 5000

static int add(struct wb_strv *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int add(struct wb_strv *list, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = wb_strv_vaddf(list, fmt, ap);
	va_end(ap);
	if (r == 0)
		wb_make_plain(list->items[list->n - 1]);
	return r;
}

/* ---- systemd ---- */

int wb_gate_failed_units(const struct wb_files *files, const struct wb_runner *runner,
	struct wb_strv *ret, struct wb_error *err)
{
	return wb_systemd_here(files) ? wb_systemd_failed(runner, ret, err) : 0;
}

int wb_gate_look_at_boot(const struct wb_gate_host *h, bool last, struct wb_gate_facts *facts)
{
	char state[32];

	if (!wb_systemd_here(h->sys->files))
		return 0;
	wb_systemd_state(h->runner, state);
	if (!strcmp(state, "running") || !strcmp(state, "degraded"))
		return 0;
	if (!last && strcmp(state, "maintenance"))
		return 1;
	facts->hangs = true;
	return add(&facts->bad, "the boot has not ended: systemd says \"%s\"", state);
}

static bool is_new(const struct wb_strv *before, const char *unit)
{
	return !wb_strv_has(before, unit);
}

int wb_gate_look_at_units(
	const struct wb_gate_host *h, const struct wb_trial *t, struct wb_gate_facts *facts)
{
	WB_CLEAN_STRV failed = {};
	struct wb_error why = {};
	int r = wb_gate_failed_units(h->sys->files, h->runner, &failed, &why);

	if (r < 0)
		return r == -ENOMEM ? r : add(&facts->bad, "systemd does not tell: %s", why.text);
	for (size_t i = 0; r == 0 && i < failed.n; i++)
		if (is_new(&t->failed, failed.items[i]))
			r = add(&facts->bad, "%s has failed, and had not before", failed.items[i]);
	return r;
}

int wb_gate_look_at_target(
	const struct wb_gate_host *h, uint64_t until_ns, struct wb_gate_facts *facts)
{
	uint64_t now = h->ops->boot_ns(h->ops->ctx);
	struct wb_error why = {};
	int r;

	/* Without a check of its own, the target says nothing that is not known. */
	if (!wb_systemd_here(h->sys->files) ||
		!wb_systemd_is_used(h->runner, "boot-complete.target"))
		return 0;
	r = wb_systemctl(h->runner,
		&(struct wb_systemctl){.verb = "start",
			.unit = "boot-complete.target",
			.ms = now < until_ns ? (long)((until_ns - now) / 1000000) + 1 : 1},
		&why);
	if (r == -ENOMEM || r >= 0)
		return r < 0 ? r : 0;
	return add(&facts->bad, "boot-complete.target was not reached: %s", why.text);
}

/* ---- kept services ---- */

/* 1: it is not known yet. */
static int look_at_kept(const struct wb_gate_host *h, const struct wb_unit_result *u, bool last,
	struct wb_gate_facts *facts)
{
	const char *outcome, *name = u->name ? u->name : u->unit;

	if (wb_has_come_back(u) || u->how == WB_KEEP_ENDED)
		return 0;
	outcome = wb_status_outcome(h->runner, u);
	if (!strcmp(outcome, "failed"))
		return add(&facts->bad, "%s was kept, and is down%s%s", name, u->why ? ": " : "",
			u->why ? u->why : "");
	if (!strcmp(outcome, "starting"))
		return last ? add(&facts->bad, "%s was kept, and still starts", name) : 1;
	if (u->asked == WB_KEEP_RESTART)
		return 0;
	return add(&facts->degraded, "%s was restarted%s%s", name, u->why ? ": " : "",
		u->why ? u->why : "");
}

int wb_gate_look_at_kept(const struct wb_gate_host *h, const struct wb_trial *t, bool last,
	struct wb_gate_facts *facts)
{
	WB_CLEAN_RESULT result = {};
	int r, waits = 0;

	if (!t->kept.n)
		return 0;
	r = wb_result_find(h->sys->files, t->nonce, &result, NULL);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return last ? add(&facts->bad, "nothing is known of the %zu kept services",
				      t->kept.n)
			    : 1;
	for (size_t i = 0; i < result.units.n; i++) {
		r = look_at_kept(h, &result.units.items[i], last, facts);
		if (r < 0)
			return r;
		waits |= r;
	}
	for (size_t i = 0; i < t->kept.n; i++)
		if (!wb_result_unit(&result, t->kept.items[i]) &&
			add(&facts->bad, "nothing is known of %s, which was kept",
				t->kept.items[i]) < 0)
			return -ENOMEM;
	return waits;
}

/* ---- probes ---- */

/*
 * A service that neither was kept nor runs is not asked for. One that runs, and whose answer nobody has noted, is asked
 * once more, since warmboot-probe.service gives up earlier than the gate.
 */
static int ask_last(const struct wb_gate_host *h, const struct wb_trial *t,
	const struct wb_keep_config *c, struct wb_gate_facts *facts)
{
	const char *unit = c->unit ? c->unit : c->name;
	struct wb_unit_moment now = {};
	struct wb_probe probe;

	if (!wb_strv_has(&t->kept, unit) && c->unit &&
		wb_unit_moment_read(h->runner, unit, 0, &now) == 0 && strcmp(now.active, "active"))
		return 0;
	if (h->probes && wb_probe_parse(c->probe, &probe, NULL) == 0 &&
		wb_probe_ask(h->probes, &probe, PROBE_MS) == 0)
		return 0;
	return add(&facts->bad, "%s does not answer its probe", unit);
}

int wb_gate_look_at_probes(const struct wb_gate_host *h, const struct wb_trial *t, bool last,
	struct wb_gate_facts *facts)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_KEEP_CONFIGS all = {};
	WB_CLEAN_MARKS marks = {};
	struct wb_error why = {};
	int r = wb_keep_configs_read(files, &all, &why);

	if (r < 0)
		return r == -ENOMEM ? r : add(&facts->bad, "probes are not known: %s", why.text);
	wb_marks_read(files, &marks, NULL);
	for (size_t i = 0; i < all.n; i++) {
		const struct wb_keep_config *c = &all.items[i];

		if (!c->probe || wb_marks_have_unit(
					 files, &marks, WB_MARK_PROBE, c->unit ? c->unit : c->name))
			continue;
		if (!last)
			return 1;
		if (ask_last(h, t, c, facts) < 0)
			return -ENOMEM;
	}
	return 0;
}
