// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/json.h"
#include "cmd/keeping.h"
#include "keep/ahead.h"
#include "keep/config.h"
#include "keep/definition.h"
#include "keep/freeze.h"
#include "keep/hold.h"
#include "keep/preflight.h"
#include "keep/rehearse.h"
#include "keep/revive.h"
#include "keep/spare.h"
#include "keep/take.h"
#include "store/region.h"
#include "sys/machine.h"
#include "sys/spawn.h"

/*
 * Memory grows until the freeze, and the other images, the manifest and the table of contents want
 * room, too.
 */
#define MARGIN_PERCENT 25
#define MARGIN_BYTES (16u << 20)

static void set(char **to, const char *text)
{
	free(*to);
	*to = text ? strdup(text) : NULL;
}

static char *text_of(const struct wb_files *files, const char *path)
{
	WB_CLEAN_BLOB b = {};

	if (files->read(files->ctx, path, 1 << 20, &b, NULL) < 0)
		return NULL;
	return strdup((const char *)b.data);
}

static int add_text(const struct wb_files *files, struct wb_manifest_unit *u, const char *path,
	struct wb_error *err)
{
	WB_CLEAN_STR text = text_of(files, path);
	struct wb_manifest_text *t;

	if (!text)
		return wb_fail(err, -EIO, "cannot read %s", path);
	/* What a jump that did not come about has left is no part of it. */
	if (wb_has_jump_mark(text))
		return 0;
	t = wb_list_add(&u->definition, sizeof(*t));
	if (!t)
		return wb_oom(err);
	t->text = text;
	text = NULL;
	t->path = strdup(path);
	return t->path ? 0 : wb_oom(err);
}

/* The unit as it is defined now: the next boot brings it back under the same settings. */
static int add_definition(
	const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err)
{
	WB_CLEAN_SERVICE service = {};
	const char *late;
	int r = wb_services_systemd.read(wb_services_systemd.ctx, u->unit, &service, err);

	if (r == 0)
		r = add_text(files, u, service.fragment, err);
	for (size_t i = 0; r == 0 && i < service.dropins.n; i++)
		r = add_text(files, u, service.dropins.items[i], err);
	if (r < 0)
		return r;
	if (wb_definition_late(u, &service.after, &late) < 0)
		return wb_oom(err);
	set(&u->late, late);
	return 0;
}

/* What would keep the manifest of all units from being written is found out here, and costs one. */
static int check_one(
	const struct wb_keep_config *config, struct wb_manifest_unit *u, struct wb_error *err)
{
	struct wb_error local = {};
	size_t bytes;
	int r = wb_manifest_check_unit(u, &bytes, &local);

	if (r == -EINVAL && config->how != WB_KEEP_PROCESS) {
		wb_manifest_lower(u, local.text);
		return 0;
	}
	return r < 0 ? wb_fail(err, r, "%s cannot be kept: %s", u->unit, local.text) : 0;
}

static int refuse(const struct wb_manifest_unit *u, const char *why, struct wb_error *err)
{
	return wb_fail(err, -EOPNOTSUPP,
		"%s was to be kept as a process: %s; "
		"\"warmboot keep add --how=auto %s\" lets it be restarted where it must, and "
		"--no-keep keeps none",
		u->unit, why, u->unit);
}

/* One unit's rung. -ESRCH: it does not run. */
static int decide_one(const struct wb_keep_look *look, const struct wb_keep_config *config,
	struct cmd_keeping *k, struct wb_error *err)
{
	WB_CLEAN_KEEP_VERDICT verdict = {};
	struct wb_manifest_unit *u;
	struct wb_strv *bound;
	char images[32], root[64];
	int r = wb_keep_look(look, config->unit, config, &verdict, err);

	if (r < 0)
		return r;
	bound = wb_list_add(&k->bound, sizeof(*bound));
	u = bound ? wb_list_add(&k->draft.units, sizeof(*u)) : NULL;
	if (!u)
		return wb_oom(err);
	set(&u->unit, config->unit);
	r = wb_keep_verdict_to_manifest(&verdict, u, err);
	set(&u->asked, wb_keep_how_name(config->how));
	set(&u->probe, config->probe);
	snprintf(images, sizeof(images), "u%zu/", k->draft.units.n - 1);
	set(&u->images, images);
	*bound = verdict.bound;
	verdict.bound = (struct wb_strv){};
	if (r < 0)
		return r;
	if (config->how == WB_KEEP_PROCESS && !wb_manifest_is_process(u))
		return refuse(u, u->why ? u->why : "that cannot be done", err);
	if (!wb_manifest_is_process(u))
		return 0;
	snprintf(root, sizeof(root), "/proc/%lld/root", (long long)u->main_pid);
	k->bytes += verdict.bytes + wb_take_size(root, &verdict.files);
	wb_ahead_choose(u, verdict.bytes);
	r = add_definition(look->files, u, err);
	return r < 0 ? r : check_one(config, u, err);
}

/* What is configured and does not run now has nothing to keep. */
static int decide_configured(
	const struct wb_keep_look *look, struct cmd_keeping *k, struct wb_error *err)
{
	WB_CLEAN_KEEP_CONFIGS all = {};
	int r = wb_keep_configs_read(look->files, &all, err);

	for (size_t i = 0; r == 0 && i < all.n; i++) {
		r = decide_one(look, &all.items[i], k, err);
		if (r == -ESRCH || r == -ENOENT)
			r = 0;
	}
	return r;
}

static int decide_named(const struct wb_keep_look *look, const char *typed, struct cmd_keeping *k,
	struct wb_error *err)
{
	WB_CLEAN_STR name = NULL;
	int r = wb_keep_unit_name(typed, &name, err);

	if (r < 0 || wb_manifest_find(&k->draft, name))
		return r;
	return decide_one(look, &(struct wb_keep_config){.unit = name}, k, err);
}

/* Down to restart, or, for who insists on its process, the failure. */
static int lower(struct wb_manifest_unit *u, const char *why, struct wb_error *err)
{
	if (!strcmp(u->asked, "process"))
		return refuse(u, why, err);
	wb_manifest_lower(u, why);
	return 0;
}

/* One of these units that a shutdown stops; NULL: they are all kept. */
static const char *stopped_of(const struct wb_manifest *m, const struct wb_strv *bound)
{
	for (size_t i = 0; i < bound->n; i++) {
		const struct wb_manifest_unit *u = wb_manifest_find(m, bound->items[i]);

		if (!u || !wb_manifest_is_process(u))
			return bound->items[i];
	}
	return NULL;
}

/* Who would be stopped with another unit cannot be kept; that may hold for a third one then. */
static int lower_bound(struct cmd_keeping *k, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !k->now && i < k->draft.units.n; i++) {
		struct wb_manifest_unit *u = &k->draft.units.items[i];
		const char *stopped = stopped_of(&k->draft, &k->bound.items[i]);
		struct wb_error why = {};

		if (!wb_manifest_is_process(u) || !stopped)
			continue;
		wb_fail(&why, 0, "a shutdown stops %s, and that stops it (Requires= or PartOf=)",
			stopped);
		r = lower(u, why.text, err);
		i = (size_t)-1;
	}
	return r;
}

int cmd_keeping_decide(const struct wb_sys *sys, const struct cmd_keep_wish *wish,
	const char *release, struct cmd_keeping *k, struct wb_error *err)
{
	struct wb_keep_look look =
		wb_keep_look_host(sys->files, NULL, release && *release ? release : NULL);
	int r = 0;

	k->now = wish->now;
	k->tsc = sys->tsc(sys->ctx);
	k->wall = sys->wall_ns(sys->ctx);
	if (wish->none || !sys->files->exists(sys->files->ctx, "/run/systemd/system")) {
		if (wish->units.n)
			return wb_fail(err, -EOPNOTSUPP,
				"services are kept under systemd only, and it does not run here");
		return 0;
	}
	look.criu = k->draft.criu = wb_criu_version(&wb_runner_host, NULL);
	r = decide_configured(&look, k, err);
	for (size_t i = 0; r == 0 && i < wish->units.n; i++)
		r = decide_named(&look, wish->units.items[i], k, err);
	return r < 0 ? r : lower_bound(k, err);
}

/* Without a store nobody keeps a process: those who insisted on it get no jump instead. */
static int lower_all(struct cmd_keeping *k, const char *why, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < k->draft.units.n; i++)
		if (wb_manifest_is_process(&k->draft.units.items[i]))
			r = lower(&k->draft.units.items[i], why, err);
	return r;
}

/* ---- memory that goes ahead ---- */

static uint64_t store_size(const struct cmd_keeping *k)
{
	uint64_t bytes = k->bytes + wb_ahead_changes(&k->draft);

	return bytes + bytes * MARGIN_PERCENT / 100 + MARGIN_BYTES;
}

int cmd_keeping_foresee(
	const struct wb_sys *sys, const char *backend, struct cmd_keeping *k, struct wb_error *err)
{
	uint64_t left = wb_available_memory(sys->files);
	/* Only this one takes it from what the system has. */
	uint64_t size = !backend || !strcmp(backend, "carve") ? store_size(k) : 0;
	struct wb_store_region region;
	struct wb_error why = {};

	if (backend && !strcmp(backend, "pmem")) {
		int r = wb_store_region_ready(sys->files, store_size(k), &region, &why);

		if (r == -ENOSPC && wb_ahead_changes(&k->draft)) {
			wb_ahead_fit(&k->draft, 0);
			r = wb_store_region_ready(sys->files, store_size(k), &region, &why);
		}
		if (r < 0 && r != -EACCES)
			return lower_all(k, why.text, err);
	}
	wb_ahead_fit(&k->draft, left > size ? left - size : 0);
	return 0;
}

/*
 * What a store holds that is not sealed, nobody can use any more: a reboot that was broken off left it.
 * One that is sealed is the user's (warmboot store put).
 */
static int make_way(const struct wb_store_env *env, struct wb_error *err)
{
	WB_CLEAN_STORE s = NULL;
	int r = wb_store_open(env, &s, NULL);

	if (r == -ENOENT)
		return 0;
	if (r == 0 && wb_store_info(s).sealed)
		return wb_fail(err, -EEXIST,
			"this boot holds a store for the next jump already, and kept services need "
			"one of their own: \"warmboot store drop\" gives it back, --no-keep keeps "
			"none");
	return wb_store_drop(env, err);
}

int cmd_keeping_reserve(const struct wb_sys *sys, const struct wb_store_env *env,
	const char *backend, struct cmd_keeping *k, struct wb_error *err)
{
	struct wb_error local = {};
	int r;

	if (!k->draft.units.n)
		return 0;
	r = make_way(env, err);
	if (r < 0)
		return r;
	r = wb_store_create(env, backend, store_size(k), &k->store, &local);
	if (r == -ENOSPC && wb_ahead_changes(&k->draft)) {
		wb_ahead_fit(&k->draft, 0);
		local = (struct wb_error){};
		r = wb_store_create(env, backend, store_size(k), &k->store, &local);
	}
	if (r == WB_STORE_NO_STATE)
		return cmd_no_room(&local, err);
	if (r == 0) {
		wb_ahead_fit(&k->draft, wb_available_memory(sys->files));
		return 0;
	}
	r = lower_all(k, local.text, err);
	/* For the manifest alone there may be room: by it ports keep silent in the next boot, too. */
	if (r == 0 &&
		wb_store_create(env, backend, MARGIN_BYTES, &k->store, &local) == WB_STORE_NO_STATE)
		r = cmd_no_room(&local, err);
	return r;
}

/* 0 it is there, 1 it stays for a reason that is noted. */
static int send_ahead(const struct wb_sys *sys, struct cmd_keeping *k, struct wb_manifest_unit *u)
{
	struct wb_error local = {};

	if (!wb_ahead_bytes(u))
		return 1;
	cmd_progress(NULL, "copying memory ahead");
	if (wb_freeze_ahead(sys, u, k->store, &local) == 0)
		return 0;
	wb_ahead_stay(u, k->store, local.text);
	return 1;
}

/* With memory that went ahead, as the freeze will; where that fails, as it then will, without. */
static int rehearse_one(const struct wb_sys *sys, struct cmd_keeping *k, struct wb_manifest_unit *u,
	struct wb_error *err)
{
	struct wb_error local = {};
	int64_t frozen_us = 0;
	int r;

	if (send_ahead(sys, k, u) == 0) {
		cmd_progress(NULL, "rehearsing the freeze");
		r = wb_freeze_rehearse(sys, u, k->store, &frozen_us, &local);
		u->dump_us = frozen_us;
		if (r == 0)
			return 0;
		/* Should it not have survived that, the next attempt says so. */
		wb_ahead_stay(u, k->store, local.text);
	}
	cmd_progress(NULL, "rehearsing the freeze");
	r = wb_freeze_rehearse(sys, u, k->store, &frozen_us, err);
	u->dump_us = frozen_us;
	return r;
}

/* What it has come to do since it was looked at says more than CRIU's log, which the jump takes along. */
static void find_reason(const struct wb_sys *sys, const struct cmd_keeping *k,
	const struct wb_manifest_unit *u, struct wb_error *why)
{
	const struct wb_keep_look look = wb_keep_look_host(sys->files, k->draft.criu, NULL);
	WB_CLEAN_KEEP_VERDICT verdict = {};
	WB_CLEAN_KEEP_CONFIG config = {};

	wb_keep_config_read(sys->files, u->unit, &config, NULL);
	if (wb_keep_look(&look, u->unit, config.unit ? &config : NULL, &verdict, NULL) == 0 &&
		verdict.how != WB_KEEP_PROCESS && verdict.reasons.n)
		wb_fail(why, why->code, "%s", verdict.reasons.items[0]);
}

int cmd_keeping_rehearse(const struct wb_sys *sys, struct cmd_keeping *k, struct wb_error *err)
{
	for (size_t i = 0; k->store && i < k->draft.units.n; i++) {
		struct wb_manifest_unit *u = &k->draft.units.items[i];
		struct wb_error local = {};
		int r;

		if (!wb_manifest_is_process(u))
			continue;
		if (cmd_interrupted(err) < 0)
			return -EINTR;
		if (rehearse_one(sys, k, u, &local) < 0) {
			cmd_progress_end();
			find_reason(sys, k, u, &local);
			r = lower(u, local.text, err);
			if (r < 0)
				return r;
		}
	}
	cmd_progress_end();
	return lower_bound(k, err);
}

/* All that can go now; the freeze is another process's, and finds it there. */
static void send_all_ahead(const struct wb_sys *sys, struct cmd_keeping *k)
{
	struct wb_error local = {};
	bool any = false;

	for (size_t i = 0; i < k->draft.units.n; i++)
		any |= send_ahead(sys, k, &k->draft.units.items[i]) == 0;
	cmd_progress_end();
	if (!any || wb_store_park(k->store, &local) == 0)
		return;
	for (size_t i = 0; i < k->draft.units.n; i++)
		if (wb_ahead_bytes(&k->draft.units.items[i]))
			wb_ahead_stay(&k->draft.units.items[i], k->store, local.text);
}

static int write_draft(const struct wb_sys *sys, struct cmd_keeping *k, struct wb_error *err)
{
	struct wb_store_info info = wb_store_info(k->store);
	uint64_t ticks = sys->tsc(sys->ctx) - k->tsc, ns = sys->wall_ns(sys->ctx) - k->wall;
	struct wb_error local = {};
	WB_CLEAN_STR text = NULL;
	char nonce[33];
	int r;

	wb_nonce_hex(info.nonce, nonce);
	set(&k->draft.nonce, nonce);
	k->draft.version = WB_MANIFEST_VERSION;
	if (ns)
		k->draft.tsc_hz = (int64_t)((double)ticks * 1e9 / (double)ns);
	r = wb_manifest_write(&k->draft, &text, err);
	if (r < 0)
		return r;
	r = sys->write_file(sys->ctx, WB_FREEZE_DRAFT, wb_text(text), 0600);
	if (r == 0)
		return 0;
	wb_fail(&local, r, "cannot write %s: %s", WB_FREEZE_DRAFT, strerror(-r));
	return cmd_no_room(&local, err);
}

/*
 * What holds if nothing more is heard: a kernel that panics, or a power cut, leaves nobody to tell. The
 * boot that brings units back writes better news over it.
 */
static void write_expectation(const struct wb_sys *sys, struct cmd_keeping *k)
{
	static const char lost[] = "the boot after the jump found nothing of it to bring back";
	WB_CLEAN_RECORD staged = {};
	WB_CLEAN_RESULT result = {.version = 1};

	if (wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) < 0)
		return;
	for (size_t i = 0; i < k->draft.units.n; i++) {
		const struct wb_manifest_unit *u = &k->draft.units.items[i];
		struct wb_unit_result *part = wb_list_add(&result.units, sizeof(*part));

		if (!part)
			return;
		set(&part->unit, u->unit);
		set(&part->asked, u->asked);
		set(&part->how, "restart");
		set(&part->why, wb_manifest_is_process(u) ? lost : u->why);
	}
	set(&result.nonce, staged.nonce);
	set(&result.from, staged.from);
	set(&result.to, staged.to);
	wb_result_read(sys->files, WB_RESULT_LAST, &k->before, NULL);
	/* A full disk has the jump's own record refuse, and a read-only one has no record. */
	k->expected = wb_result_write(sys, WB_RESULT_LAST, &result, NULL) == 0;
}

static void take_expectation_back(const struct wb_sys *sys, struct cmd_keeping *k)
{
	if (k->expected && k->before.version)
		wb_result_write(sys, WB_RESULT_LAST, &k->before, NULL);
	else if (k->expected)
		sys->remove_file(sys->ctx, WB_RESULT_LAST);
	k->expected = false;
}

/*
 * Whoever is stopped in the ordinary way is so long before the freeze; a new connection is not to be
 * refused meanwhile. Without nft it is, as in any reboot.
 */
static int hold_stopped(const struct cmd_keeping *k, struct wb_error *err)
{
	struct wb_manifest_unit *units = calloc(k->draft.units.n + 1, sizeof(*units));
	struct wb_manifest rest = {.units = {units, 0}};

	if (!units)
		return wb_oom(err);
	for (size_t i = 0; i < k->draft.units.n; i++)
		if (!wb_manifest_is_process(&k->draft.units.items[i]))
			units[rest.units.n++] = k->draft.units.items[i];
	wb_hold_apply(&wb_runner_host, &rest, WB_HOLD_SECONDS, NULL);
	free(units);
	return 0;
}

int cmd_keeping_early(const struct wb_sys *sys, struct cmd_keeping *k,
	struct wb_load_options *options, struct wb_error *err)
{
	WB_CLEAN_MANIFEST now = {};
	int r = 0;

	/* Control groups of version 1: systemd alone knows where a unit's processes belong. */
	if (!sys->files->exists(sys->files->ctx, "/sys/fs/cgroup/cgroup.controllers"))
		return 0;
	r = wb_net_read(sys->files, &wb_runner_host, &now.net, err);
	if (r < 0)
		return r;
	if (wb_revive_module_names(&now.net, &k->modules) < 0)
		return wb_oom(err);
	options->early = WB_PROGRAM;
	options->early_modules = (const char *const *)k->modules.items;
	options->n_early_modules = k->modules.n;
	return 0;
}

static int arm(const struct wb_sys *sys, struct cmd_keeping *k, bool now, struct wb_error *err)
{
	WB_CLEAN_STR from = wb_running_release(sys->files);
	int r = 0;

	set(&k->draft.from, from);
	for (size_t i = 0; r == 0 && i < k->draft.units.n; i++)
		if (wb_manifest_is_process(&k->draft.units.items[i]))
			r = wb_spare_add(&k->spared, &k->draft.units.items[i]);
	if (r == 0 && !now && k->spared.n)
		r = wb_spare_add_mounts(sys->files, &k->spared);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	/* Now: ifupdown takes its addresses away when it is stopped, a DHCP client its lease. */
	r = wb_net_read(sys->files, &wb_runner_host, &k->draft.net, err);
	if (r < 0)
		return r;
	/* As late as can be: what it changes from here on, it changes while it is waited for. */
	send_all_ahead(sys, k);
	r = write_draft(sys, k, err);
	k->armed = r == 0;
	if (r == 0 && k->spared.n)
		r = wb_spare_units(sys, &k->spared, !now, err);
	if (r == 0 && !now)
		r = hold_stopped(k, err);
	return r;
}

int cmd_keeping_arm(const struct wb_sys *sys, struct cmd_keeping *k, bool now, struct wb_error *err)
{
	int r = k->store ? arm(sys, k, now, err) : 0;

	/* Last: what was known of the jump before is nowhere else then. */
	if (r == 0 && k->draft.units.n)
		write_expectation(sys, k);
	return r;
}

/* "start", "restart". What fails is passed over. */
static void tell(const char *unit, const char *verb)
{
	const char *const argv[] = {"systemctl", verb, unit, NULL};

	wb_spawn(&(struct wb_spawn){.argv = argv, .deadline_ms = 90000}, NULL, NULL);
}

/* Who ended while systemd was told not to start anybody again. */
static void start_ended(const struct wb_manifest *m)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];
		WB_CLEAN_SERVICE s = {};
		bool failed;

		if (!wb_manifest_is_process(u) ||
			wb_services_systemd.read(NULL, u->unit, &s, NULL) < 0 || !s.active)
			continue;
		failed = !strcmp(s.active, "failed");
		if ((failed || !strcmp(s.active, "inactive")) && wb_definition_restarts(u, failed))
			tell(u->unit, "start");
	}
}

void cmd_keeping_undo(const struct wb_sys *sys, struct cmd_keeping *k)
{
	if (k->armed && k->spared.n) {
		wb_spare_undo(sys, &k->spared);
		start_ended(&k->draft);
	}
	if (k->armed) {
		sys->remove_file(sys->ctx, WB_FREEZE_DRAFT);
		wb_hold_end(&wb_runner_host, WB_HOLD_RESTART, NULL);
	}
	k->armed = false;
	take_expectation_back(sys, k);
	if (k->store) {
		wb_store_close(k->store);
		k->store = NULL;
		wb_store_drop(wb_store_env_real(), NULL);
	}
}

static bool is_stopping(void)
{
	static const char *const argv[] = {"systemctl", "is-system-running", NULL};
	WB_CLEAN_BLOB said = {};

	return wb_spawn(&(struct wb_spawn){.argv = argv, .deadline_ms = 30000}, &said, NULL) >= 0 &&
	       said.data && !strncmp((const char *)said.data, "stopping", 8);
}

/* Each whose processes were to be kept. */
static void tell_kept(const struct wb_manifest *m, const char *verb)
{
	for (size_t i = 0; i < m->units.n; i++)
		if (wb_manifest_is_process(&m->units.items[i]))
			tell(m->units.items[i].unit, verb);
}

/* It was killed with a word for the freeze, or in the freeze of --now: then who is not back starts anew. */
static void sweep_draft(const struct wb_sys *sys)
{
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_BLOB text = {};

	if (sys->files->read(sys->files->ctx, WB_FREEZE_DRAFT, 64u << 20, &text, NULL) == 0)
		wb_manifest_parse(wb_blob_view(&text), NULL, &m, NULL);
	sys->remove_file(sys->ctx, WB_FREEZE_DRAFT);
	wb_store_drop(wb_store_env_real(), NULL);
	wb_hold_end(&wb_runner_host, WB_HOLD_RESTART, NULL);
	wb_hold_end(&wb_runner_host, WB_HOLD_KEPT, NULL);
	tell_kept(&m, "start");
}

int cmd_keeping_sweep(const struct wb_sys *sys)
{
	WB_CLEAN_STORE store = NULL;
	int any;

	if (!sys->files->exists(sys->files->ctx, "/run/systemd/system"))
		return 0;
	if (is_stopping())
		return -ESHUTDOWN;
	any = wb_spare_sweep(sys);
	if (sys->files->exists(sys->files->ctx, WB_FREEZE_DRAFT)) {
		sweep_draft(sys);
		any = 1;
	}
	if (wb_store_open(wb_store_env_real(), &store, NULL) == 0 && !wb_store_info(store).sealed) {
		wb_store_drop(wb_store_env_real(), NULL);
		any = 1;
	}
	return any;
}

void cmd_keeping_deinit(struct cmd_keeping *k)
{
	wb_store_close(k->store);
	wb_strv_deinit(&k->spared);
	wb_result_deinit(&k->before);
	wb_strv_deinit(&k->modules);
	for (size_t i = 0; i < k->bound.n; i++)
		wb_strv_deinit(&k->bound.items[i]);
	free(k->bound.items);
	wb_manifest_deinit(&k->draft);
}

void cmd_keeping_print(const struct cmd_keeping *k)
{
	for (size_t i = 0; i < k->draft.units.n; i++) {
		const struct wb_manifest_unit *u = &k->draft.units.items[i];

		printf("keep:        %s: %s%s%s\n", u->unit, u->how, u->why ? ": " : "",
			u->why ? u->why : "");
		if (wb_manifest_is_process(u) && u->late)
			printf("             it comes back after %s, which is ordered before it\n",
				u->late);
		if (wb_ahead_bytes(u))
			printf("             %" PRIu64
			       " MiB of its memory are copied while it runs\n",
				wb_ahead_bytes(u) >> 20);
		else if (wb_manifest_is_process(u) && u->ahead_why)
			printf("             its memory is copied while it stands still: %s\n",
				u->ahead_why);
	}
}

json_t *cmd_keeping_json(const struct cmd_keeping *k)
{
	json_t *list = json_array();

	for (size_t i = 0; i < k->draft.units.n; i++) {
		const struct wb_manifest_unit *u = &k->draft.units.items[i];

		json_array_append_new(
			list, json_pack("{s:o, s:s, s:o, s:I}", "unit", cmd_json_or_null(u->unit),
				      "how", u->how, "why", cmd_json_or_null(u->why), "ahead_bytes",
				      (json_int_t)wb_ahead_bytes(u)));
	}
	return list;
}

int cmd_keeping_freeze(
	const struct wb_sys *sys, bool strict, struct wb_manifest *ret, struct wb_error *err)
{
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_STORE store = NULL;
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_RECORD staged = {};
	struct wb_freeze_host host = {.sys = sys, .hold_s = WB_HOLD_SECONDS};
	struct wb_freeze_ops ops = wb_freeze_ops_host(&host);
	struct wb_freeze f = {.ops = &ops, .strict = strict};
	int r = sys->files->read(sys->files->ctx, WB_FREEZE_DRAFT, 64u << 20, &text, err);

	if (r == 0)
		r = wb_manifest_parse(wb_blob_view(&text), NULL, &m, err);
	if (r == 0)
		r = wb_store_open(wb_store_env_real(), &store, err);
	if (r < 0)
		return r;
	if (wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) == 0)
		host.release = staged.to;
	host.criu = m.criu;
	f.store = store;
	/* Nobody starts a second instance of what stands still: not beside it, and not after it is killed. */
	r = sys->write_file(sys->ctx, WB_SPARE_FROZEN, (struct wb_bytes){}, 0600);
	if (r < 0)
		wb_fail(err, r, "cannot write %s: %s", WB_SPARE_FROZEN, strerror(-r));
	else
		r = wb_freeze_all(&f, &m, err);
	for (size_t i = 0; i < host.lost.n; i++)
		fprintf(stderr, "warmboot: %s\n", host.lost.items[i]);
	wb_strv_deinit(&host.lost);
	if (r < 0) {
		sys->remove_file(sys->ctx, WB_SPARE_FROZEN);
		/* The jump may be made all the same, and nobody would find what to wipe after it. */
		wb_store_scrub(store);
		return r;
	}
	*ret = m;
	m = (struct wb_manifest){};
	return 0;
}

void cmd_keeping_start_again(const struct wb_sys *sys, struct cmd_keeping *k)
{
	wb_hold_end(&wb_runner_host, WB_HOLD_KEPT, NULL);
	if (!k->spared.n)
		return;
	/* First, since nobody could be started under it; and not once more in cmd_keeping_undo(). */
	wb_spare_undo(sys, &k->spared);
	wb_strv_deinit(&k->spared);
	tell_kept(&k->draft, "restart");
}
