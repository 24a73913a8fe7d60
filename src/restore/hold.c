// SPDX-License-Identifier: LGPL-2.1-or-later
/* The packet hold in the new boot. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "restore/needs.h"
#include "restore/revive.h"
#include "restore/unhold.h"
#include "net/silence.h"
#include "replay/replay.h"
#include "restore/hold.h"

/* Exists once the hold for restarted units has ended: a firewall that restarts later does not renew it. */
#define ENDED "/run/warmboot/unhold-done"
/* Names of units, a line each, for which the hold goes on until the replay has started them. */
#define LEFT "/run/warmboot/unhold-left"

static bool exists(const struct wb_restore_host *h, const char *path)
{
	return h->sys->files->exists(h->sys->files->ctx, path);
}

static void note_end(const struct wb_restore_host *h)
{
	h->sys->write_file(h->sys->ctx, ENDED, (struct wb_bytes){}, 0600);
}

static struct wb_hold_left left_of(const struct wb_restore_host *h, const struct wb_manifest *m)
{
	return wb_silence_left(h->sys, &m->silent, m->tsc_hz);
}

/* ---- the beginning ---- */

void wb_restore_modules(const struct wb_restore_host *h)
{
	WB_CLEAN_EARLY early = {};

	if (h->early(h->ctx, &early, NULL) < 0)
		wb_revive_modules(h->sys, h->runner);
}

int wb_restore_hold(
	const struct wb_restore_host *h, struct wb_error *ret_warning, struct wb_error *err)
{
	WB_CLEAN_EARLY early = {};
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_UNIT_LIST rest = {};
	int r;

	if (h->early(h->ctx, &early, NULL) == 0 && early.held)
		return 0;
	r = wb_revive_read(h->sys->files, &m, err);
	if (r < 0)
		return r;
	/* Units that the early restore has brought back need no hold. */
	if (wb_early_rest(&early, &m, &rest) < 0)
		return wb_oom(err);
	return wb_revive_hold(h->sys->files, h->runner, &m, &rest, left_of(h, &m), h->link_seconds,
		ret_warning, err);
}

/* ---- after a firewall's flush ---- */

/* Units that come back, or listen, only after the firewall. -ENOMEM. */
static int find_missing(
	const struct wb_restore_host *h, const struct wb_manifest *m, struct wb_held *ret)
{
	bool thawed = exists(h, WB_THAW_DONE);
	WB_CLEAN_SOCKETS sockets = {};
	int r = 0;

	wb_sockets_read(h->sys->files, 1, &sockets, NULL);
	for (size_t i = 0; r == 0 && i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];

		if ((!wb_unit_is_checkpointed(u) && !wb_unhold_listens(u, &sockets)) ||
			(!thawed && wb_needs_network(m, u)))
			r = wb_held_add(ret, u);
	}
	return r;
}

int wb_restore_hold_again(const struct wb_restore_host *h, struct wb_error *err)
{
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_HELD rest = {};
	int r = wb_revive_read(h->sys->files, &m, err);

	if (r < 0)
		return r;
	if (find_missing(h, &m, &rest) < 0)
		return wb_oom(err);
	if (!exists(h, ENDED))
		r = wb_hold_apply(h->runner, &rest, left_of(h, &m), err);
	/* If the hold was ended while this renewed it, no other process would end the new one. */
	if (r == 0 && exists(h, ENDED))
		r = wb_hold_end(h->runner, WB_HOLD_RESTART, err);
	return r;
}

/* ---- the end ---- */

static int read_left(const struct wb_files *files, struct wb_strv *ret)
{
	WB_CLEAN_BLOB text = {};
	char *rest, *line;
	int r = 0;

	if (files->read(files->ctx, LEFT, 1 << 20, &text, NULL) < 0)
		return 0;
	for (rest = (char *)text.data; r == 0 && (line = strsep(&rest, "\n"));)
		r = *line ? wb_strv_add(ret, line) : 0;
	return r;
}

static void write_left(const struct wb_sys *sys, const struct wb_strv *left)
{
	WB_CLEAN_BLOB text = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < left->n; i++) {
		r = wb_blob_append(&text, left->items[i], strlen(left->items[i]));
		if (r == 0)
			r = wb_blob_append(&text, "\n", 1);
	}
	if (r == 0)
		sys->write_file(sys->ctx, LEFT, wb_blob_view(&text), 0600);
}

static void pause_ms(void *ctx, unsigned ms)
{
	const struct wb_restore_host *h = ctx;

	h->pause(h->ctx, ms);
}

static uint64_t mono_ns(void *ctx)
{
	const struct wb_restore_host *h = ctx;

	return h->sys->mono_ns(h->sys->ctx);
}

/* A peer that waits on a connection which no longer exists learns of it now, and can connect again. */
static void wake_peers(void *ctx, const struct wb_manifest_unit *u)
{
	const struct wb_restore_host *h = ctx;
	const struct wb_net_ends *ends = &u->ends;

	h->wake(h->ctx, &(struct wb_ends_list){&ends, 1});
}

int wb_restore_hold_end(const struct wb_restore_host *h, bool replayed, struct wb_error *err)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_STRV left = {};
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_RESULT result = {};
	struct wb_unhold host = {.files = files,
		.runner = h->runner,
		.ctx = (void *)h,
		.mono_ns = mono_ns,
		.pause = pause_ms,
		.replay = !replayed && exists(h, WB_UNITS_PATH),
		.released = wake_peers};

	if (exists(h, ENDED) || (replayed && !exists(h, WB_MANIFEST_COPY)))
		return 0;
	/* Without manifest and result the units are not known, so end the hold for all clients at once. */
	if (wb_revive_read(files, &m, NULL) < 0 ||
		wb_result_read(files, WB_RESULT, &result, NULL) < 0) {
		note_end(h);
		return wb_hold_end(h->runner, WB_HOLD_RESTART, err);
	}
	if (read_left(files, &left) < 0)
		return wb_oom(err);
	host.left_s = left_of(h, &m).restart;
	if (wb_unhold_run(&host, &m, &result, &left))
		note_end(h);
	else
		write_left(h->sys, &left);
	return 0;
}
