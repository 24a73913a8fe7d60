// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/revive.h"
#include "keep/wake.h"
#include "sys/machine.h"

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
	/* Refused to a generator that is shut off from /proc: then the hold does it a little later. */
	runner->poke(runner->ctx, ns_last_pid, text);
}

/* What CRIU asks the kernel for, and what the hold's rules are made of. */
static const char *const criu_modules[] = {"tcp_diag", "udp_diag", "raw_diag", "unix_diag",
	"netlink_diag", "af_packet_diag", "tun", "veth", NULL};
static const char *const hold_modules[] = {"nf_tables", "nft_fib_inet", NULL};

static int add_all(const char *const *names, struct wb_strv *ret)
{
	int r = 0;

	for (; r == 0 && *names; names++)
		r = wb_strv_add(ret, *names);
	return r;
}

int wb_revive_module_names(const struct wb_net *net, struct wb_strv *ret)
{
	WB_CLEAN_STRV names = {};
	int r = add_all(hold_modules, &names);

	if (r == 0)
		r = wb_net_modules(net, &names);
	if (r == 0)
		r = add_all(criu_modules, &names);
	if (r < 0)
		return r;
	*ret = names;
	names = (struct wb_strv){};
	return 0;
}

static bool is_loaded(const struct wb_files *files, const char *name)
{
	WB_CLEAN_BLOB state = {};
	char path[128];

	if (snprintf(path, sizeof(path), "/sys/module/%s/initstate", name) >= (int)sizeof(path))
		return false;
	for (char *p = path; *p; p++)
		*p = *p == '-' ? '_' : *p;
	return files->read(files->ctx, path, 64, &state, NULL) == 0 &&
	       !strncmp((const char *)state.data, "live", 4);
}

/* What is built in or not there is passed over. */
static void load_modules(
	const struct wb_files *files, const struct wb_runner *runner, const struct wb_strv *names)
{
	const char *argv[64] = {"modprobe", "-a", "-q"};
	size_t n = 3;

	for (size_t i = 0; i < names->n && n < 63; i++)
		if (!is_loaded(files, names->items[i]))
			argv[n++] = names->items[i];
	if (n > 3)
		wb_run(runner, argv, (struct wb_bytes){}, NULL, NULL);
}

void wb_revive_modules(const struct wb_files *files, const struct wb_runner *runner)
{
	WB_CLEAN_STRV names = {};

	if (add_all(criu_modules, &names) == 0)
		load_modules(files, runner, &names);
}

static int load_network_modules(
	const struct wb_files *files, const struct wb_runner *runner, const struct wb_net *net)
{
	WB_CLEAN_STRV names = {};

	if (wb_net_modules(net, &names) < 0)
		return -ENOMEM;
	load_modules(files, runner, &names);
	return 0;
}

int wb_revive_hold(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_manifest *m, unsigned link_seconds, struct wb_error *ret_warning,
	struct wb_error *err)
{
	int r;

	wb_revive_raise_pids(files, runner, m);
	r = wb_hold_apply(runner, m, WB_HOLD_SECONDS, err);
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

/* What is known of each unit: its part, or why there is none. */
static int gather(const struct wb_files *files, const struct wb_manifest *m, struct wb_result *ret,
	struct wb_error *err)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];
		struct wb_unit_result *part = wb_list_add(&ret->units, sizeof(*part));

		if (!part)
			return wb_oom(err);
		if (wb_manifest_is_process(u) &&
			wb_result_part_read(files, u->unit, part, NULL) == 0)
			continue;
		part->unit = copy(u->unit);
		part->asked = copy(u->asked);
		part->how = copy(wb_manifest_has_ended(u) ? u->how : "restart");
		part->why = copy(wb_manifest_is_process(u)
					 ? "its thaw did not begin, or did not end in time"
					 : u->why);
		if (!part->unit || !part->how)
			return wb_oom(err);
	}
	return 0;
}

/*
 * In one transaction: kept connections go on, and ports of units that did not come back keep silent
 * until they are started.
 */
static int let_go(const struct wb_runner *runner, const struct wb_manifest *m,
	const struct wb_result *result, struct wb_error *err)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	struct wb_manifest_unit *units = calloc(m->units.n + 1, sizeof(*units));
	struct wb_manifest rest = {.units = {units, 0}};
	WB_CLEAN_STR waiting = NULL;
	WB_CLEAN_STR text = NULL;
	int r = -ENOMEM;

	for (size_t i = 0; units && i < m->units.n; i++) {
		if (wb_has_come_back(&result->units.items[i]))
			continue;
		units[rest.units.n] = m->units.items[i];
		units[rest.units.n++].how = "restart";
	}
	if (units)
		r = wb_hold_ruleset(&rest, WB_HOLD_RESTART, WB_HOLD_SECONDS, &waiting);
	free(units);
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
 * A definition that lay in /run went with it: a transient unit, a runtime drop-in. It is put where
 * it is found until the next boot, as before.
 */
static int write_runtime_definition(
	const struct wb_sys *sys, const struct wb_manifest_unit *u, struct wb_error *err)
{
	static const char run[] = "/run/systemd/";
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->definition.n; i++) {
		const struct wb_manifest_text *t = &u->definition.items[i];
		WB_CLEAN_STR path = NULL;
		const char *rest, *base = strrchr(t->path, '/');

		/* Generators make theirs anew; our own drop-in has done its work. */
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
	static const char *const reload[] = {"systemctl", "daemon-reload", NULL};
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->units.n; i++)
		r = write_runtime_definition(sys, &m->units.items[i], err);
	if (r < 0)
		return r;
	r = sys->write_file(sys->ctx, WB_THAW_DONE, wb_text("\n"), 0644);
	if (r < 0)
		return wb_fail(err, r, "cannot write " WB_THAW_DONE ": %s", strerror(-r));
	return wb_run(runner, reload, (struct wb_bytes){}, NULL, err);
}

/*
 * Units whose thaw failed stand as failed, and nothing would start them again. For one that came back
 * a start is asked for, too: what it requires or wants was not asked for by its replacement. One that
 * had ended stays so: a job is not done twice.
 */
static void start_all(
	const struct wb_runner *runner, const struct wb_manifest *m, const struct wb_result *result)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const char *unit = m->units.items[i].unit;
		const char *const reset[] = {"systemctl", "reset-failed", unit, NULL};
		const char *const start[] = {"systemctl", "--no-block", "start", unit, NULL};

		if (wb_manifest_has_ended(&m->units.items[i]))
			continue;
		if (!wb_has_come_back(&result->units.items[i]))
			wb_run(runner, reset, (struct wb_bytes){}, NULL, NULL);
		wb_run(runner, start, (struct wb_bytes){}, NULL, NULL);
	}
}

static bool unit_is_back(void *arg, const char *unit)
{
	return wb_has_come_back(wb_result_unit(arg, unit));
}

int wb_revive_finish(const struct wb_sys *sys, const struct wb_runner *runner,
	const struct wb_manifest *m, struct wb_error *err)
{
	WB_CLEAN_RESULT result = {.version = 1};
	struct wb_error later = {};
	int r = gather(sys->files, m, &result, err), s;

	if (r < 0)
		return r;
	/* Whatever fails, the rest is done: each step serves on its own. */
	r = let_go(runner, m, &result, err);
	wb_wake_send(m, unit_is_back, &result);
	s = give_back(sys, runner, m, r < 0 ? &later : err);
	r = r < 0 ? r : s;
	start_all(runner, m, &result);
	result.nonce = copy(m->nonce);
	result.from = copy(m->from);
	result.to = wb_running_release(sys->files);
	s = wb_result_write(sys, WB_RESULT, &result, r < 0 ? &later : err);
	return r < 0 ? r : s;
}
