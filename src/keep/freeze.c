// SPDX-License-Identifier: LGPL-2.1-or-later
/* The two phases of the freeze, in which each unit is frozen by its way of keeping. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "keep/ahead.h"
#include "keep/freeze.h"
#include "timeline/marks.h"

/* So many bytes of the manifest are reserved for the network and for units that are restarted. */
#define OTHER_PARTS (4u << 20)

/* One unit of the manifest on its way. */
struct passenger {
	struct wb_manifest_unit *unit;
	struct wb_strv files;
	struct wb_frozen *frozen;
	int64_t highest; /* process or thread */
	char prefix[32]; /* of its objects */
};

/* The freeze of all units. */
struct journey {
	const struct wb_freeze *f;
	struct wb_manifest *m;
	struct passenger *list; /* one for each of the manifest's units */
	size_t room;            /* bytes that the manifest may still grow */
	size_t left;            /* units that still want some of it */
	char *held;             /* the ruleset of the packet hold in force; NULL: none */
	bool waited;            /* a unit has been frozen since all were looked at */
};

static bool is_checkpointed(const struct passenger *p)
{
	return wb_unit_is_checkpointed(p->unit);
}

/* One unit's failure `r` ends the whole freeze, or lowers only that unit. */
static int decide(const struct wb_freeze *f, struct passenger *p, int r, struct wb_error *local,
	struct wb_error *err)
{
	if (r >= 0)
		return 0;
	if (r == WB_FREEZE_ENDED) {
		wb_store_forget(f->store, p->prefix, NULL);
		wb_manifest_end(p->unit);
		return 0;
	}
	if (f->strict) {
		if (err)
			*err = *local;
		return wb_fail_in(err, r, "%s: ", p->unit->unit);
	}
	wb_store_forget(f->store, p->prefix, NULL);
	wb_manifest_lower(p->unit, local->text);
	return 0;
}

static int look(const struct wb_freeze *f, struct passenger *p, struct wb_error *err)
{
	wb_strv_deinit(&p->files);
	return f->ops->look(f->ops->ctx, p->unit, &p->files, &p->highest, err);
}

static int look_at_all(struct journey *j, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < j->m->units.n && r == 0; i++) {
		struct wb_error local = {};
		struct passenger *p = &j->list[i];

		snprintf(p->prefix, sizeof(p->prefix), "u%zu/", i);
		if (!is_checkpointed(p))
			continue;
		wb_text_replace(&p->unit->images, p->prefix);
		r = decide(j->f, p, look(j->f, p, &local), &local, err);
	}
	return r;
}

/*
 * Look again at a unit that ran on while others were frozen: it may have begun connections, opened files,
 * forked, or done something that prevents keeping it.
 */
static int look_again(struct journey *j, struct passenger *p, struct wb_error *err)
{
	const struct wb_freeze_ops *ops = j->f->ops;
	int r;

	if (!j->waited) {
		j->waited = true;
		return 0;
	}
	r = look(j->f, p, err);
	return r < 0 ? r : ops->hold(ops->ctx, j->m, &j->held, err);
}

/* Is the pre-copied memory in the store? The process that copied it may have failed to park the store. */
static bool went_ahead(const struct wb_store *store, const struct wb_manifest_unit *u)
{
	struct wb_store_object o;

	for (size_t i = 0; wb_store_object(store, i, &o); i++)
		if (!strncmp(o.name, u->images, strlen(u->images)))
			return true;
	return false;
}

static const struct wb_keep_means *way_of(
	const struct wb_freeze *f, const struct wb_manifest_unit *u)
{
	return wb_way_find(f->ways, u->how);
}

static int stop_by_its_way(const struct wb_freeze *f, struct passenger *p, struct wb_error *err)
{
	const struct wb_freeze_ops *ops = f->ops;
	int r;

	ops->mark(ops->ctx, WB_MARK_FREEZE_BEGIN, p->unit->unit);
	r = way_of(f, p->unit)->freeze(&f->host, p->unit, f->store, &p->frozen, err);
	ops->mark(ops->ctx, WB_MARK_FREEZE_END, p->unit->unit);
	return r;
}

/* Stop the unit. If that fails with pre-copied memory, try once more without. */
static int stop_one(const struct wb_freeze *f, struct passenger *p, struct wb_error *err)
{
	struct wb_manifest_unit *u = p->unit;
	struct wb_error local = {};
	int r;

	if (u->ahead_pid && u->ahead_pid != u->main_pid)
		wb_ahead_stay(u, f->store, "it was started again after the pre-copy of its memory");
	else if (u->ahead_pid && !went_ahead(f->store, u))
		wb_ahead_stay(u, f->store, "its pre-copied memory is not in the store");
	if (!u->ahead_pid)
		return stop_by_its_way(f, p, err);
	r = stop_by_its_way(f, p, &local);
	/* After a hang, or without its tasks, another try would fail, too. */
	if (r < 0 && r != -EIO && r != -ESRCH) {
		wb_ahead_stay(u, f->store, local.text);
		return stop_by_its_way(f, p, err);
	}
	if (r < 0 && err)
		*err = local;
	return r;
}

/*
 * A unit's part of the manifest is complete: check it, and its size. A part that is invalid or too large
 * lowers this unit alone, so that later units keep their share of the manifest.
 */
static int make_room(struct journey *j, const struct wb_manifest_unit *u, struct wb_error *err)
{
	size_t share = j->room / (j->left ? j->left : 1), bytes;
	int r = wb_manifest_check_unit(u, &bytes, err);

	if (r == 0 && bytes > share)
		r = wb_fail(err, -ENOSPC,
			"the list of its %zu files and %zu connections is too long by %zu KiB",
			u->files.n, u->ends.connections.n, ((bytes - share) >> 10) + 1);
	if (r == 0)
		j->room -= bytes;
	return r;
}

/* The unit stands still, so its descriptors and files do not change any more. */
static int complete(struct journey *j, struct passenger *p, struct wb_error *err)
{
	const struct wb_freeze *f = j->f;
	const struct wb_keep_means *way = way_of(f, p->unit);
	int r = 0;

	if (way->complete)
		r = way->complete(&f->host, p->unit, &p->files, &p->highest, f->store, err);
	return r == 0 ? make_room(j, p->unit, err) : r;
}

static int freeze_one(struct journey *j, struct passenger *p, struct wb_error *err)
{
	const struct wb_freeze *f = j->f;
	const struct wb_freeze_ops *ops = f->ops;
	int64_t before, after, tsc;
	int r = look_again(j, p, err);

	if (r < 0)
		return r;
	ops->now(ops->ctx, &before, &p->unit->frozen_tsc);
	r = stop_one(f, p, err);
	if (r < 0)
		return r;
	ops->now(ops->ctx, &after, &tsc);
	if (after > before)
		p->unit->dump_us = (after - before) / 1000;
	r = complete(j, p, err);
	if (r < 0) {
		way_of(f, p->unit)->cancel(&f->host, p->frozen, NULL);
		p->frozen = NULL;
	}
	return r;
}

static int freeze_each(struct journey *j, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < j->m->units.n; i++)
		j->left += is_checkpointed(&j->list[i]);
	for (size_t i = 0; i < j->m->units.n && r == 0; i++) {
		struct passenger *p = &j->list[i];
		struct wb_error local = {};

		if (!is_checkpointed(p))
			continue;
		r = decide(j->f, p, freeze_one(j, p, &local), &local, err);
		j->left--;
	}
	return r;
}

static int write_manifest(const struct wb_freeze *f, const struct passenger *list,
	struct wb_manifest *m, struct wb_error *err)
{
	struct wb_store_info info = wb_store_info(f->store);
	WB_CLEAN_STR text = NULL;
	char nonce[33];
	int r;

	wb_hex_write(info.nonce, sizeof(info.nonce), nonce);
	wb_text_replace(&m->nonce, nonce);
	m->version = WB_MANIFEST_VERSION;
	m->highest_pid = 0;
	for (size_t i = 0; i < m->units.n; i++)
		if (list[i].highest > m->highest_pid)
			m->highest_pid = list[i].highest;
	/* The draft's network is better: the shutdown may have removed addresses. */
	r = m->net.links.n ? 0 : f->ops->net(f->ops->ctx, &m->net, err);
	/* The next kernel does not have this clock. */
	m->silence_since_ns = 0;
	f->ops->note_silence(f->ops->ctx, m);
	if (r == 0)
		r = wb_manifest_write(m, &text, err);
	if (r == 0)
		r = wb_store_put(f->store, WB_MANIFEST_OBJECT,
			(struct wb_bytes){(const uint8_t *)text, strlen(text)}, err);
	return r == 0 ? wb_store_seal(f->store, err) : r;
}

/* The point of no return is passed, so failures are ignored. */
static void commit_all(const struct wb_freeze *f, struct passenger *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].frozen)
			way_of(f, list[i].unit)->commit(&f->host, list[i].frozen, NULL);
}

static void cancel_all(const struct wb_freeze *f, struct passenger *list, size_t n)
{
	for (size_t i = n; i-- > 0;)
		if (list[i].frozen)
			way_of(f, list[i].unit)->cancel(&f->host, list[i].frozen, NULL);
}

int wb_freeze_all(const struct wb_freeze *f, struct wb_manifest *m, struct wb_error *err)
{
	size_t n = m->units.n;
	struct passenger *list = calloc(n ? n : 1, sizeof(*list));
	struct journey j = {.f = f, .m = m, .list = list, .room = WB_MANIFEST_MOST - OTHER_PARTS};
	int r;

	if (!list)
		return wb_oom(err);
	for (size_t i = 0; i < n; i++)
		list[i].unit = &m->units.items[i];
	f->ops->settle(f->ops->ctx, m);
	r = look_at_all(&j, err);
	/* Ports and connections are known now. Hold their packets before anything stands still. */
	if (r == 0)
		r = f->ops->hold(f->ops->ctx, m, &j.held, err);
	if (r == 0)
		r = freeze_each(&j, err);
	if (r == 0)
		r = write_manifest(f, list, m, err);
	if (r == 0) {
		commit_all(f, list, n);
	} else {
		cancel_all(f, list, n);
		f->ops->unhold(f->ops->ctx);
	}
	for (size_t i = 0; i < n; i++)
		wb_strv_deinit(&list[i].files);
	free(list);
	free(j.held);
	return r;
}

/* ---- beforehand ---- */

int wb_freeze_ahead(const struct wb_keep_means *const *ways, const struct wb_sys *sys,
	struct wb_manifest_unit *u, struct wb_store *store, struct wb_error *err)
{
	const struct wb_keep_means *way = wb_way_find(ways, u->how);
	int r;

	if (!way->ahead)
		return wb_fail(
			err, -EOPNOTSUPP, "a unit that is kept so has no memory to pre-copy");
	r = way->ahead(&(struct wb_way_host){.sys = sys}, u, store, err);
	if (r < 0)
		wb_store_forget(store, u->images, NULL);
	return r;
}

/* The freeze without its commit; the unit stands still from its beginning until it is let go. */
static int freeze_and_cancel(const struct wb_keep_means *way, const struct wb_way_host *host,
	struct wb_manifest_unit *u, struct wb_store *store, struct wb_rehearsed *ret,
	struct wb_error *err)
{
	uint64_t since = host->sys->mono_ns(host->sys->ctx), now;
	struct wb_frozen *frozen = NULL;
	int r = way->freeze(host, u, store, &frozen, err);

	if (r == 0)
		r = way->cancel(host, frozen, err);
	now = host->sys->mono_ns(host->sys->ctx);
	if (r == 0)
		ret->frozen_us = now > since ? (int64_t)((now - since) / 1000) : 0;
	return r;
}

int wb_freeze_rehearse(const struct wb_keep_means *const *ways, const struct wb_sys *sys,
	struct wb_manifest_unit *u, struct wb_store *store, int64_t *ret_frozen_us,
	struct wb_error *err)
{
	const struct wb_keep_means *way = wb_way_find(ways, u->how);
	const struct wb_way_host host = {.sys = sys};
	struct wb_rehearsed done = {};
	int r = way->rehearse ? way->rehearse(&host, u, store, &done, err)
			      : freeze_and_cancel(way, &host, u, store, &done, err);

	if (r == 0)
		*ret_frozen_us = done.frozen_us;
	wb_store_forget(store, u->images, NULL);
	u->ahead_pid = 0;
	return r;
}
