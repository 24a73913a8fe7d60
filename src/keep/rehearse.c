// SPDX-License-Identifier: LGPL-2.1-or-later
/* A rehearsal of one unit for "warmboot keep test", and the check that the unit survived it. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "criu/modules.h"
#include "keep/judge.h"
#include "keep/rehearse.h"
#include "sys/below.h"
#include "systemd/systemctl.h"

void wb_keep_rehearsal_deinit(struct wb_keep_rehearsal *r)
{
	wb_keep_verdict_deinit(&r->verdict);
	*r = (struct wb_keep_rehearsal){};
}

/* ---- the unit afterwards ---- */

/* The letter of its state (proc_pid_stat(5)); 0: it is gone. */
static char state_of(const struct wb_files *files, int64_t pid)
{
	WB_CLEAN_BLOB b = {};
	char path[64];
	const char *close;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	if (files->read(files->ctx, path, 1 << 16, &b, NULL) < 0)
		return 0;
	close = strrchr((const char *)b.data, ')');
	return close && close[1] == ' ' ? close[2] : 0;
}

/*
 * The service must run after a rehearsal, whatever happened. Continue its stopped tasks, and restart the unit
 * if its main process is gone: CRIU may have killed it, or left its own code in it.
 */
static int check_alive(const struct wb_keep_rehearsing *with, const struct wb_manifest_unit *u,
	struct wb_keep_rehearsal *r, struct wb_error *err)
{
	const struct wb_files *files = with->sys->files;
	bool gone = false;

	for (size_t i = 0; i < u->pids.n; i++) {
		char state = state_of(files, u->pids.items[i]);

		if (state == 'T')
			(void)kill((pid_t)u->pids.items[i], SIGCONT);
		/* Children may come and go; the main process may not. */
		if (u->pids.items[i] == u->main_pid && (!state || strchr("ZX", state)))
			gone = true;
	}
	if (!gone)
		return 0;
	r->restarted = true;
	return wb_systemctl(with->runner, &(struct wb_systemctl){"restart", u->unit}, err);
}

/* ---- all of it ---- */

/* A failed rehearsal lowers the unit, with the reason. It is no failure of the command. */
static int take_reason(struct wb_keep_rehearsal *r, const char *why)
{
	r->verdict.how = wb_keep_way(r->verdict.how)->fallback;
	return wb_strv_add(&r->verdict.reasons, why);
}

static int rehearse(const struct wb_keep_rehearsing *with, struct wb_manifest_unit *u,
	struct wb_keep_rehearsal *r, struct wb_error *err)
{
	const struct wb_way_host host = {.sys = with->sys,
		.namespaces = with->look.namespaces,
		.criu_program = with->criu_program,
		.criu_dir = with->dir};
	struct wb_rehearsed done = {};
	struct wb_error why = {};
	int e;

	r->tried = true;
	wb_criu_load_modules(with->sys->files, with->runner);
	e = wb_way_find(with->ways, u->how)->rehearse(&host, u, NULL, &done, &why);
	/* Also without memory: the unit may be stopped, and check_alive() lets it go on. */
	if (e == 0) {
		r->bytes = done.bytes;
		r->images = done.images;
		r->frozen_us = done.frozen_us;
	} else if (take_reason(r, why.text) < 0) {
		return wb_oom(err);
	}
	e = check_alive(with, u, r, &why);
	if (r->restarted && take_reason(r, e < 0 ? why.text
						 : "it did not survive the rehearsal and was "
						   "started again") < 0)
		return wb_oom(err);
	return 0;
}

static int try_it(const struct wb_keep_rehearsing *with, const char *unit,
	struct wb_keep_rehearsal *r, struct wb_error *err)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = wb_list_add(&m.units, sizeof(*u));
	int e;

	if (u)
		u->unit = strdup(unit);
	if (!u || !u->unit)
		return wb_oom(err);
	e = wb_keep_record(with->ways, &r->verdict, u, err);
	return e == 0 ? rehearse(with, u, r, err) : e;
}

/*
 * A unit that a shutdown stops together with another one is restarted (session/keeping-lower.c), unless the other one is
 * kept, too: by its configuration, or because it is tried here as well.
 */
static int look_at_bonds(
	const struct wb_keep_rehearsing *with, struct wb_keep_rehearsal *r, struct wb_error *err)
{
	for (size_t i = 0; i < r->verdict.bound.n; i++) {
		const char *unit = r->verdict.bound.items[i];
		WB_CLEAN_KEEP_CONFIG config = {};
		struct wb_error why = {};

		if ((with->together && wb_strv_has(with->together, unit)) ||
			(wb_keep_config_read(with->sys->files, unit, &config, NULL) == 0 &&
				config.how != WB_KEEP_RESTART))
			continue;
		wb_fail(&why, 0,
			"a shutdown stops %s, which is not kept, and that stops it (Requires= or "
			"PartOf=); only \"warmboot reboot --now\" stops nothing",
			unit);
		return take_reason(r, why.text) < 0 ? wb_oom(err) : 0;
	}
	return 0;
}

/* Could the files that must travel be saved? Only their sizes are looked at. */
static int look_at_files(const char *unit, struct wb_keep_rehearsal *r, struct wb_error *err)
{
	struct wb_error why = {};
	WB_CLEAN_FD root = -1;
	uint64_t bytes;
	int e;

	if (!r->verdict.files.n)
		return 0;
	root = wb_keep_open_root(unit, &r->verdict, &why);
	e = root < 0 ? root : wb_keep_measure(root, &r->verdict, &bytes, &why);

	if (e == -ENOMEM || (e < 0 && take_reason(r, why.text) < 0))
		return wb_oom(err);
	return 0;
}

int wb_keep_rehearse(const struct wb_keep_rehearsing *with, const char *unit,
	const struct wb_keep_config *config, struct wb_keep_rehearsal *ret, struct wb_error *err)
{
	WB_CLEAN_KEEP_REHEARSAL r = {};
	int e = wb_keep_look(with->ways, &with->look, unit, config, &r.verdict, err);

	if (e == 0)
		e = look_at_bonds(with, &r, err);
	if (e == 0 && wb_keep_way(r.verdict.how)->checkpointed)
		e = look_at_files(unit, &r, err);
	if (e == 0 && wb_way_find(with->ways, r.verdict.how)->rehearse)
		e = try_it(with, unit, &r, err);
	if (e < 0)
		return e;
	*ret = r;
	r = (struct wb_keep_rehearsal){};
	return 0;
}
