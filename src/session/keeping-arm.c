// SPDX-License-Identifier: LGPL-2.1-or-later
/* Arm the shutdown for the freeze of kept units, and take that back. */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "jump/jump.h"
#include "keep/ahead.h"
#include "keep/bonds.h"
#include "keep/freeze.h"
#include "manifest/unit-list.h"
#include "net/hold.h"
#include "net/silence.h"
#include "session/keeping-parts.h"
#include "session/request.h"
#include "sys/machine.h"
#include "systemd/definition.h"
#include "systemd/spare.h"
#include "systemd/systemctl.h"

/*
 * Pre-copy all units now. The freeze runs in another process, which continues with the parked
 * store.
 */
static void send_all_ahead(const struct wb_session_host *h, struct wb_keeping *k)
{
	struct wb_error local = {};
	bool any = false;

	for (size_t i = 0; i < k->draft.units.n; i++) {
		if (wb_ahead_bytes(&k->draft.units.items[i]))
			wb_tell_progress(h, "copying memory ahead");
		any |= wb_keeping_send_ahead(h, k, &k->draft.units.items[i]) == 0;
	}
	wb_tell_progress(h, NULL);
	if (!any || wb_store_park(k->store, &local) == 0)
		return;
	for (size_t i = 0; i < k->draft.units.n; i++)
		if (wb_ahead_bytes(&k->draft.units.items[i]))
			wb_ahead_stay(&k->draft.units.items[i], k->store, local.text);
}

/*
 * Write the result that is true if the jump ends in a panic or a power cut, when nothing else can
 * be written. The boot that restores the units replaces it.
 */
static void write_expectation(const struct wb_session_host *h, struct wb_keeping *k)
{
	static const char lost[] = "the boot after the jump found nothing of it to bring back";
	WB_CLEAN_RECORD staged = {};
	WB_CLEAN_RESULT result = {.version = 1};

	if (wb_record_read(h->sys->files, WB_RECORD_STAGED, &staged, NULL) < 0)
		return;
	for (size_t i = 0; i < k->draft.units.n; i++) {
		const struct wb_manifest_unit *u = &k->draft.units.items[i];
		struct wb_unit_result *part = wb_list_add(&result.units, sizeof(*part));

		if (!part)
			return;
		wb_text_replace(&part->unit, u->unit);
		wb_text_replace(&part->name, u->name);
		part->asked = u->asked;
		part->how = wb_keep_way(u->how)->fallback;
		wb_text_replace(&part->why, wb_unit_is_checkpointed(u) ? lost : u->why);
	}
	wb_text_replace(&result.nonce, staged.nonce);
	wb_text_replace(&result.from, staged.from);
	wb_text_replace(&result.to, staged.to);
	k->had_result = h->sys->files->read(h->sys->files->ctx, WB_RESULT_LAST, WB_MANIFEST_MOST,
				&k->before, NULL) == 0;
	/*
	 * Ignore errors: on a full disk the record of the jump fails, and with a read-only /var
	 * there is no record.
	 */
	k->expected = wb_result_write(h->sys, WB_RESULT_LAST, &result, NULL) == 0;
}

static void take_expectation_back(const struct wb_session_host *h, struct wb_keeping *k)
{
	if (k->expected && k->had_result)
		h->sys->write_file(h->sys->ctx, WB_RESULT_LAST, wb_blob_view(&k->before), 0600);
	else if (k->expected)
		h->sys->remove_file(h->sys->ctx, WB_RESULT_LAST);
	k->expected = false;
}

/*
 * Units that are only restarted are stopped long before the freeze. Hold packets for them from then
 * on, so that new connections are not refused. Without nft they are refused, as in any reboot.
 */
static int hold_stopped(const struct wb_session_host *h, const struct wb_keeping *k,
	uint64_t now_ns, struct wb_error *err)
{
	const struct wb_hold_left left = {
		.restart = wb_silence_left_since((uint64_t)k->draft.silence_since_ns, now_ns)};
	WB_CLEAN_HELD all = {};

	if (wb_held_of(&k->draft, &all) < 0)
		return wb_oom(err);
	wb_hold_apply(h->runner, &(struct wb_held){.restart = all.restart}, left, NULL);
	return 0;
}

/* Units in which nothing runs, but with which a shutdown would stop kept units or take their files. -ENOMEM. */
static int choose_idle(const struct wb_session_host *h, struct wb_keeping *k)
{
	int r = 0;

	for (size_t i = 0; i < k->draft.units.n && i < k->beside.n; i++)
		for (size_t b = 0; r == 0 && b < k->beside.items[i].n; b++)
			if (wb_unit_is_checkpointed(&k->draft.units.items[i]))
				r = wb_strv_add_once(&k->idle, k->beside.items[i].items[b]);
	if (r == 0)
		r = wb_bonds_add_disks(h->sys->files, h->services, &k->idle);
	if (r == 0)
		r = wb_spare_add_mounts(h->sys->files, &k->spared);
	for (size_t i = 0; r == 0 && i < k->idle.n; i++)
		r = wb_strv_add_once(&k->spared, k->idle.items[i]);
	return r;
}

/* Units that are exempt from the shutdown, or with `now` only from what systemd would make of the freeze. -ENOMEM. */
static int choose_spared(const struct wb_session_host *h, struct wb_keeping *k, bool now)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < k->draft.units.n; i++)
		if (wb_unit_is_checkpointed(&k->draft.units.items[i]) &&
			!wb_keep_way(k->draft.units.items[i].how)->managed)
			r = wb_spare_add(&k->spared, k->draft.units.items[i].unit,
				k->draft.units.items[i].cgroup);
	return r == 0 && !now && k->spared.n ? choose_idle(h, k) : r;
}

static int arm(
	const struct wb_session_host *h, struct wb_keeping *k, bool now, struct wb_error *err)
{
	WB_CLEAN_STR from = wb_running_release(h->sys->files);
	int r = 0;

	wb_text_replace(&k->draft.from, from);
	r = choose_spared(h, k, now);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	/*
	 * Read the network now: a shutdown removes the addresses (ifupdown) or the lease (DHCP
	 * client).
	 */
	r = wb_net_read(h->sys->files, h->runner, &k->draft.net, err);
	if (r < 0)
		return r;
	/* Pre-copy as late as possible, so that little memory changes until the freeze. */
	send_all_ahead(h, k);
	if (!now)
		k->draft.silence_since_ns = (int64_t)h->sys->mono_ns(h->sys->ctx);
	r = wb_keeping_write_draft(h, k, err);
	k->armed = r == 0;
	if (r == 0 && k->spared.n)
		r = wb_spare_units(h->sys, h->runner, &k->spared, &k->idle, !now, err);
	if (r == 0 && !now)
		r = hold_stopped(h, k, h->sys->mono_ns(h->sys->ctx), err);
	return r;
}

int wb_keeping_arm(
	const struct wb_session_host *h, struct wb_keeping *k, bool now, struct wb_error *err)
{
	int r = k->store ? arm(h, k, now, err) : 0;

	if (r < 0)
		wb_keeping_disarm(h, k);
	/* Do this last, because it overwrites the result of the jump before. */
	if (r == 0 && k->draft.units.n)
		write_expectation(h, k);
	return r;
}

/* Start or restart a unit. Errors are ignored. */
static void tell(const struct wb_session_host *h, const char *unit, const char *verb)
{
	wb_systemctl(h->runner, &(struct wb_systemctl){verb, unit, .ms = 90000}, NULL);
}

/* Start services that ended while the drop-ins forbade systemd to restart them. */
static void start_ended(const struct wb_session_host *h, const struct wb_manifest *m)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];
		WB_CLEAN_SERVICE s = {};
		bool failed;

		if (!wb_unit_is_checkpointed(u) || wb_keep_way(u->how)->managed ||
			h->services->read(h->services->ctx, u->unit, &s, NULL) < 0 || !s.active)
			continue;
		failed = !strcmp(s.active, "failed");
		if ((failed || !strcmp(s.active, "inactive")) &&
			wb_definition_restarts(&u->definition, failed))
			tell(h, u->unit, "start");
	}
}

/* A guest that was copied ahead still waits for the rest to be read. */
static void end_ahead(const struct wb_session_host *h, const struct wb_keeping *k)
{
	for (size_t i = 0; i < k->draft.units.n; i++) {
		const struct wb_manifest_unit *u = &k->draft.units.items[i];
		const struct wb_keep_means *way = wb_way_find(h->ways, u->how);

		if ((u->ahead_pid || u->ahead_why) && way->wake)
			way->wake(&(struct wb_way_host){.sys = h->sys}, u, NULL);
	}
}

void wb_keeping_disarm(const struct wb_session_host *h, struct wb_keeping *k)
{
	end_ahead(h, k);
	if (k->armed && k->spared.n) {
		wb_spare_undo(h->sys, h->runner, &k->spared);
		start_ended(h, &k->draft);
	}
	if (k->armed) {
		h->sys->remove_file(h->sys->ctx, WB_FREEZE_DRAFT);
		wb_hold_end(h->runner, WB_HOLD_RESTART, NULL);
	}
	k->armed = false;
	take_expectation_back(h, k);
}

/* Start or restart each unit that was to be kept as a process. */
static void tell_kept(
	const struct wb_session_host *h, const struct wb_manifest *m, const char *verb)
{
	for (size_t i = 0; i < m->units.n; i++)
		if (wb_unit_is_checkpointed(&m->units.items[i]) &&
			!wb_keep_way(m->units.items[i].how)->managed)
			tell(h, m->units.items[i].unit, verb);
}

/*
 * The reboot was killed after it wrote the draft, maybe during the freeze of --now. Start the units
 * that are not running.
 */
static void sweep_draft(const struct wb_session_host *h)
{
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_BLOB text = {};

	if (h->sys->files->read(h->sys->files->ctx, WB_FREEZE_DRAFT, 64u << 20, &text, NULL) == 0)
		wb_manifest_parse(wb_blob_view(&text), NULL, &m, NULL);
	/* The store has the only copy of them. */
	wb_keeping_bring_back(h, &m);
	h->sys->remove_file(h->sys->ctx, WB_FREEZE_DRAFT);
	wb_store_drop(h->store, NULL);
	wb_hold_end(h->runner, WB_HOLD_RESTART, NULL);
	wb_hold_end(h->runner, WB_HOLD_KEPT, NULL);
	for (size_t i = 0; i < m.units.n; i++) {
		const struct wb_keep_means *way = wb_way_find(h->ways, m.units.items[i].how);

		if (way->wake)
			way->wake(&(struct wb_way_host){.sys = h->sys}, &m.units.items[i], NULL);
	}
	tell_kept(h, &m, "start");
}

int wb_keeping_sweep(const struct wb_session_host *h)
{
	WB_CLEAN_STORE store = NULL;
	int any, r;

	if (!wb_systemd_here(h->sys->files))
		return 0;
	/* If the init system does not answer, assume that a shutdown is running. */
	if (h->under_way(h->sys->files, NULL))
		return -ESHUTDOWN;
	any = wb_spare_sweep(h->sys, h->runner);
	if (h->sys->files->exists(h->sys->files->ctx, WB_FREEZE_DRAFT)) {
		sweep_draft(h);
		any = 1;
	}
	r = wb_store_open(h->store, &store, NULL);
	/* A store that cannot be opened is useless. */
	if (r == -EIO || r == -EBADMSG || (r == 0 && !wb_store_info(store).sealed)) {
		wb_store_drop(h->store, NULL);
		any = 1;
	}
	return any;
}

void wb_keeping_start_again(const struct wb_session_host *h, struct wb_keeping *k)
{
	wb_hold_end(h->runner, WB_HOLD_KEPT, NULL);
	h->sys->remove_file(h->sys->ctx, WB_SPARE_FROZEN);
	if (!k->spared.n)
		return;
	/*
	 * The drop-ins prevent a start, so they go first. The empty list tells wb_keeping_disarm() that they are
	 * gone.
	 */
	wb_spare_undo(h->sys, h->runner, &k->spared);
	wb_strv_deinit(&k->spared);
	tell_kept(h, &k->draft, "restart");
}
