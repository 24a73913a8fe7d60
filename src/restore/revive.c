// SPDX-License-Identifier: LGPL-2.1-or-later
/* The steps around the restores of the next boot: process numbers, modules, packet hold, network, the end. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restore/revive.h"
#include "criu/criu.h"
#include "keep/ways.h"
#include "net/silence.h"
#include "net/wake.h"
#include "sys/machine.h"
#include "sys/modules.h"
#include "systemd/systemctl.h"

static const char ns_last_pid[] = "/proc/sys/kernel/ns_last_pid";

const char *const wb_anchor_names[] = {"uts", "ipc", "net", "mnt", NULL};

int wb_revive_read(const struct wb_files *files, struct wb_manifest *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB blob = {};
	int r = files->read(files->ctx, WB_MANIFEST_COPY, WB_MANIFEST_MOST, &blob, err);

	return r < 0 ? r : wb_manifest_parse(wb_blob_view(&blob), NULL, ret, err);
}

void wb_revive_raise_pids(
	const struct wb_files *files, const struct wb_runner *runner, const struct wb_manifest *m)
{
	WB_CLEAN_BLOB blob = {};
	char text[32];

	if (files->read(files->ctx, ns_last_pid, 64, &blob, NULL) < 0 ||
		strtoll((const char *)blob.data, NULL, 10) >= m->highest_pid)
		return;
	snprintf(text, sizeof(text), "%lld\n", (long long)m->highest_pid);
	/* A generator may be shut off from /proc. Then wb_revive_hold() does it a little later. */
	runner->poke(runner->ctx, ns_last_pid, text);
}

/* The rules of the packet hold are made of these. */
static const char *const hold_modules[] = {"nf_tables", NULL};

/* The modules that any way of keeping needs for a restore. */
static int add_modules_of_ways(struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && wb_ways_all[i]; i++)
		if (wb_ways_all[i]->modules)
			r = wb_strv_add_all(ret, wb_ways_all[i]->modules);
	return r;
}

int wb_revive_module_names(const struct wb_net *net, struct wb_strv *ret)
{
	WB_CLEAN_STRV names = {};
	int r = wb_strv_add_all(&names, hold_modules);

	if (r == 0)
		r = wb_net_modules(net, &names);
	if (r == 0)
		r = add_modules_of_ways(&names);
	if (r < 0)
		return r;
	*ret = names;
	names = (struct wb_strv){};
	return 0;
}

void wb_revive_modules(const struct wb_sys *sys, const struct wb_runner *runner)
{
	WB_CLEAN_STRV names = {};

	if (add_modules_of_ways(&names) == 0)
		wb_modules_load(sys->files, runner, &names);
	wb_criu_probe(sys, runner);
}

static int load_network_modules(
	const struct wb_files *files, const struct wb_runner *runner, const struct wb_net *net)
{
	WB_CLEAN_STRV names = {};

	if (wb_net_modules(net, &names) < 0)
		return -ENOMEM;
	wb_modules_load(files, runner, &names);
	return 0;
}

int wb_revive_hold(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_manifest *m, const struct wb_unit_list *units, struct wb_hold_left left,
	unsigned link_seconds, struct wb_error *ret_warning, struct wb_error *err)
{
	WB_CLEAN_HELD held = {};
	int r;

	wb_revive_raise_pids(files, runner, m);
	if (wb_held_add_all(&held, units) < 0)
		return wb_oom(err);
	r = wb_hold_apply(runner, &held, left, err);
	if (r < 0)
		return r;
	if (load_network_modules(files, runner, &m->net) < 0)
		return wb_oom(err);
	if (m->net.links.n)
		wb_net_restore(files, runner, &m->net, link_seconds, ret_warning);
	return 0;
}

/* ---- the end ---- */

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

/* Collect the result of each unit: its part, or the reason why there is none. */
static int gather(const struct wb_files *files, const struct wb_manifest *m, struct wb_result *ret,
	struct wb_error *err)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];
		struct wb_unit_result *part = wb_list_add(&ret->units, sizeof(*part));

		if (!part)
			return wb_oom(err);
		if (wb_unit_is_checkpointed(u) &&
			wb_result_part_read(files, u->unit, part, NULL) == 0)
			continue;
		part->unit = copy(u->unit);
		part->name = copy(u->name);
		part->asked = u->asked;
		part->how = wb_keep_way(u->how)->fallback;
		part->why = copy(wb_unit_is_checkpointed(u)
					 ? "its thaw did not begin, or did not end in time"
					 : u->why);
		if (!part->unit)
			return wb_oom(err);
	}
	return 0;
}

/*
 * In one transaction, release kept connections, and hold packets for units that did not come back until they
 * are started.
 */
static int let_go(const struct wb_runner *runner, const struct wb_manifest *m,
	const struct wb_result *result, struct wb_hold_left left, struct wb_error *err)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	WB_CLEAN_ENDS_LIST rest = {};
	/* If all of these were kept until now, their packet hold began later. */
	unsigned seconds = left.kept;
	WB_CLEAN_STR waiting = NULL;
	WB_CLEAN_STR text = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->units.n; i++) {
		if (wb_has_come_back(&result->units.items[i]))
			continue;
		if (!wb_unit_is_checkpointed(&m->units.items[i]))
			seconds = left.restart;
		r = wb_ends_list_add(&rest, &m->units.items[i].ends);
	}
	if (r == 0)
		r = wb_hold_ruleset(&rest, WB_HOLD_RESTART, seconds, &waiting);
	if (r == 0 && asprintf(&text, "%s%s", wb_hold_end_ruleset(WB_HOLD_KEPT),
			      waiting ? waiting : wb_hold_end_ruleset(WB_HOLD_RESTART)) < 0) {
		text = NULL;
		r = -ENOMEM;
	}
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	return wb_run(runner, argv, wb_text(text), NULL, err);
}

/*
 * A jump empties /run, and with it definitions that lie there: transient units and runtime drop-ins. Write
 * them again, so that they are in force until the next boot, as before.
 */
static int write_runtime_definition(
	const struct wb_sys *sys, const struct wb_manifest_unit *u, struct wb_error *err)
{
	static const char run[] = "/run/systemd/";
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->definition.n; i++) {
		const struct wb_unit_text *t = &u->definition.items[i];
		WB_CLEAN_STR path = NULL;
		const char *rest, *base = strrchr(t->path, '/');

		/* Generators write theirs again, and warmboot's own drop-in is not needed any more. */
		if (strncmp(t->path, run, strlen(run)) || strstr(t->path, "/generator") ||
			strstr(base, "warmboot") || sys->files->exists(sys->files->ctx, t->path))
			continue;
		rest = strchr(t->path + strlen(run), '/');
		if (!rest)
			continue;
		if (asprintf(&path, "/run/systemd/system%s", rest) < 0) {
			path = NULL;
			return wb_oom(err);
		}
		r = sys->write_file(sys->ctx, path, wb_text(t->text), 0644);
		if (r < 0)
			wb_fail(err, r, "cannot write %s: %s", path, strerror(-r));
	}
	return r;
}

static int give_back(const struct wb_sys *sys, const struct wb_runner *runner,
	const struct wb_manifest *m, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->units.n; i++)
		r = write_runtime_definition(sys, &m->units.items[i], err);
	if (r < 0)
		return r;
	r = sys->write_file(sys->ctx, WB_THAW_DONE, wb_text("\n"), 0644);
	if (r < 0)
		return wb_fail(err, r, "cannot write " WB_THAW_DONE ": %s", strerror(-r));
	return wb_systemctl(runner, &(struct wb_systemctl){"daemon-reload"}, err);
}

/* A socket unit gives up if what it starts ends too often, as a unit whose restore has failed does. */
static void listen_again(const struct wb_runner *runner, const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->sockets.n; i++) {
		const struct wb_systemctl reset = {"reset-failed", u->sockets.items[i]};
		const struct wb_systemctl start = {"start", u->sockets.items[i], "--no-block"};

		wb_systemctl(runner, &reset, NULL);
		wb_systemctl(runner, &start, NULL);
	}
}

/*
 * Start all units. One whose restore failed is in state "failed", and nothing else would start it. A restored
 * one is started, too, because its replacement did not ask for the units that it requires or wants. A unit
 * that had ended by itself stays ended.
 */
static void start_all(
	const struct wb_runner *runner, const struct wb_manifest *m, const struct wb_result *result)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const char *unit = m->units.items[i].unit;
		const struct wb_systemctl reset = {"reset-failed", unit};
		const struct wb_systemctl start = {"start", unit, "--no-block"};

		if (!wb_keep_way(m->units.items[i].how)->started)
			continue;
		if (!wb_has_come_back(&result->units.items[i])) {
			listen_again(runner, &m->units.items[i]);
			wb_systemctl(runner, &reset, NULL);
		}
		wb_systemctl(runner, &start, NULL);
	}
}

static void wake_all(const struct wb_manifest *m, const struct wb_result *result)
{
	WB_CLEAN_ENDS_LIST back = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->units.n; i++)
		if (wb_has_come_back(&result->units.items[i]))
			r = wb_ends_list_add(&back, &m->units.items[i].ends);
	/* If the list is incomplete for lack of memory, the other peers send again by their own timer. */
	wb_wake_send(&back);
}

int wb_revive_finish(const struct wb_sys *sys, const struct wb_runner *runner,
	const struct wb_manifest *m, struct wb_error *err)
{
	WB_CLEAN_RESULT result = {.version = 1};
	struct wb_error later = {};
	int r = gather(sys->files, m, &result, err), s;

	if (r < 0)
		return r;
	/* A failed step does not prevent the next one, because each is of use alone. */
	r = let_go(runner, m, &result, wb_silence_left(sys, &m->silent, m->tsc_hz), err);
	wake_all(m, &result);
	s = give_back(sys, runner, m, r < 0 ? &later : err);
	r = r < 0 ? r : s;
	start_all(runner, m, &result);
	result.nonce = copy(m->nonce);
	result.from = copy(m->from);
	result.to = wb_running_release(sys->files);
	s = wb_result_write(sys, WB_RESULT, &result, r < 0 ? &later : err);
	return r < 0 ? r : s;
}
