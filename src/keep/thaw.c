// SPDX-License-Identifier: LGPL-2.1-or-later
/* The restore of one unit in the next boot, by its way of keeping, and the result of it. */
#include <errno.h>

#include "files/put.h"
#include "keep/thaw.h"
#include "keep/ways.h"
#include "keep/window.h"
#include "manifest/result.h"
#include "manifest/unit-list.h"
#include "net/wake.h"
#include "sys/below.h"
#include "sys/clock.h"
#include "sys/inside.h"
#include "timeline/marks.h"

static int bring_back(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	const struct wb_keep_means *way = wb_way_find(t->ways, t->unit->how);
	int mount_ns = t->n_namespaces ? t->namespaces[t->n_namespaces - 1] : -1;
	int r = wb_put_files(store, t->unit, mount_ns, err);

	if (r == 0)
		r = wb_net_ends_wait(&t->unit->ends, t->unit->unit, t->address_seconds, err);
	return r == 0 ? way->thaw(t, store, err) : r;
}

static int thaw(const struct wb_thaw *t, struct wb_error *err)
{
	WB_CLEAN_WINDOW window = {};
	WB_CLEAN_STORE store = NULL;
	int r;

	if (t->store)
		return bring_back(t, t->store, err);
	wb_window_init(&window, NULL);
	r = wb_store_attach(&window.env, &store, err);
	if (r == 0)
		r = wb_store_claim(store, err);
	return r == 0 ? bring_back(t, store, err) : r;
}

static int write_part(
	const struct wb_thaw *t, const struct wb_unit_result *how, struct wb_error *err)
{
	struct wb_unit_result part = *how;

	part.unit = t->unit->unit;
	part.name = t->unit->name;
	part.asked = t->unit->asked;
	return wb_result_part_write(t->sys, &part, err);
}

int wb_thaw_failed(const struct wb_thaw *t, const struct wb_error *why, struct wb_error *err)
{
	const struct wb_unit_result part = {
		.how = wb_keep_way(t->unit->how)->fallback, .why = (char *)why->text};

	return write_part(t, &part, err);
}

static int write_success(const struct wb_thaw *t, double seconds, struct wb_error *err)
{
	const struct wb_sys *sys = t->sys;
	uint64_t now = sys->wall_ns(sys->ctx);
	const struct wb_unit_result part = {.how = t->unit->how,
		.why = t->unit->why,
		.ahead_bytes = t->unit->ahead_pid ? t->unit->ahead_bytes : 0,
		.ahead_why = t->unit->ahead_why,
		.dump_bytes = t->unit->dump_bytes,
		.dump_s = (double)t->unit->dump_us / 1e6,
		.frozen_s = wb_result_frozen_s(t->manifest, t->unit, sys->tsc(sys->ctx)),
		.thawed_ns = (int64_t)now,
		.restore_s = seconds};

	return write_part(t, &part, err);
}

static int wake_from_there(void *arg)
{
	const struct wb_net_ends *one = arg;

	wb_wake_send(&(struct wb_ends_list){&one, 1});
	return 0;
}

/* Release the unit's connections before other units are restored. wb_revive_finish() repeats a failed one. */
static void let_go(const struct wb_thaw *t)
{
	bool ports = !wb_hold_has_firewall(t->sys->files);
	const struct wb_net_ends *one = &t->unit->ends;
	WB_CLEAN_HELD all = {};

	/* With PrivateNetwork=, this runs in that network, and the packet hold is in the machine's. */
	if (!one->ports.n && !one->connections.n)
		return;
	if (wb_held_of(t->manifest, &all) < 0 ||
		wb_hold_release(
			t->runner ? t->runner : &wb_runner_host, &all.kept, one, ports, NULL) < 0)
		return;
	wb_wake_send(&(struct wb_ends_list){&one, 1});
	if (t->peers->net_ns >= 0)
		wb_inside(t->peers->net_ns, wake_from_there, &t->peers->ends);
}

static void peers_deinit(struct wb_thaw_peers *peers)
{
	wb_closep(&peers->net_ns);
	wb_net_ends_deinit(&peers->ends);
}

int wb_thaw(const struct wb_thaw *given, struct wb_error *ret_warning, struct wb_error *err)
{
	__attribute__((cleanup(peers_deinit))) struct wb_thaw_peers peers = {.net_ns = -1};
	struct wb_thaw own = *given, *t = &own;
	const int64_t start = wb_now_ms();
	int r;

	own.peers = &peers;
	own.note = ret_warning;
	wb_mark_unit(t->sys, WB_MARK_THAW_BEGIN, t->unit->unit);
	r = thaw(t, err);
	if (r == 0) {
		wb_mark_unit(t->sys, WB_MARK_THAW_END, t->unit->unit);
		let_go(t);
	}
	if (r == 0)
		write_success(t, (double)(wb_now_ms() - start) / 1e3, ret_warning);
	else
		wb_thaw_failed(t, err, ret_warning);
	return r;
}
