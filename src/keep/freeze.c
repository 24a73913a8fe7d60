// SPDX-License-Identifier: LGPL-2.1-or-later
/* The two phases of the freeze, in which each unit is frozen by its way of keeping. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crew.h"
#include "core/text.h"
#include "keep/ahead.h"
#include "keep/freeze.h"
#include "manifest/unit-list.h"
#include "timeline/marks.h"

/* So many bytes of the manifest are reserved for the network and for units that are restarted. */
#define OTHER_PARTS (4u << 20)

/* So many bytes of the store are set aside for the manifest and the store's table, whatever units take. */
#define MANIFEST_SHARE (2u << 20)

/* One unit of the manifest on its way. At any time one thread at most works on it. */
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
	struct passenger *list; /* one for each of the manifest's units */
	size_t n;
	size_t *turns; /* indices of the units in the order of their freeze, n_turns of them */
	size_t n_turns;
	/*
	 * The ways and ends of the units whose packets are held, as they were when each was looked at last. The
	 * packet hold is made of these, since other threads change the units of the manifest.
	 */
	struct wb_manifest seen;
	/* For what follows, and for calls of operations other than look(). */
	pthread_mutex_t lock;
	size_t room;           /* bytes that the manifest may still grow */
	size_t left;           /* units that still want some of it */
	char *held;            /* the ruleset of the packet hold in force; NULL: none */
	bool long_held;        /* it will be in force for a minute at least */
	int failed;            /* the error that ends the freeze; 0: none */
	struct wb_error error; /* and its sentence */
};

/*
 * Units that are frozen at the same time. The others run on meanwhile, and their packets are not held: with many units,
 * each is silent for the rest of the freeze only, and not for all of it.
 */
struct wave {
	struct journey *j;
	size_t from, n; /* of j->turns */
};

static struct passenger *in_wave(const struct wave *w, size_t i)
{
	return &w->j->list[w->j->turns[w->from + i]];
}

static bool is_checkpointed(const struct passenger *p)
{
	return wb_unit_is_checkpointed(p->unit);
}

/* One unit's failure `r` ends the whole freeze, or lowers only that unit. */
static void decide(struct journey *j, struct passenger *p, int r, struct wb_error *local)
{
	const struct wb_freeze *f = j->f;

	if (r >= 0)
		return;
	if (r == WB_FREEZE_ENDED) {
		wb_store_forget(f->store, p->prefix, NULL);
		wb_manifest_end(p->unit);
		return;
	}
	if (!f->strict) {
		wb_store_forget(f->store, p->prefix, NULL);
		wb_manifest_lower(p->unit, local->text);
		return;
	}
	pthread_mutex_lock(&j->lock);
	if (!j->failed) {
		j->error = *local;
		j->failed = wb_fail_in(&j->error, r, "%s: ", p->unit->unit);
	}
	pthread_mutex_unlock(&j->lock);
}

static bool has_failed(struct journey *j)
{
	bool failed;

	pthread_mutex_lock(&j->lock);
	failed = j->failed;
	pthread_mutex_unlock(&j->lock);
	return failed;
}

static void call(const struct journey *j, void (*what)(void *ctx))
{
	if (what)
		what(j->f->ops->ctx);
}

static int look(const struct wb_freeze *f, struct passenger *p, struct wb_error *err)
{
	wb_strv_deinit(&p->files);
	return f->ops->look(f->ops->ctx, p->unit, &p->files, &p->highest, err);
}

/* Note what a look has found, for the packet hold. The lock is held. */
static int note_seen(struct journey *j, const struct passenger *p, struct wb_error *err)
{
	struct wb_manifest_unit *seen = &j->seen.units.items[p - j->list];
	struct wb_net_ends now = {};

	if (wb_net_ends_copy(&p->unit->ends, &now) < 0) {
		wb_net_ends_deinit(&now);
		return wb_oom(err);
	}
	wb_net_ends_deinit(&seen->ends);
	seen->ends = now;
	seen->how = p->unit->how;
	return 0;
}

static void see(struct journey *j, const struct passenger *p)
{
	pthread_mutex_lock(&j->lock);
	if (!j->failed && note_seen(j, p, &j->error) < 0)
		j->failed = -ENOMEM;
	pthread_mutex_unlock(&j->lock);
}

static void look_and_decide(struct journey *j, struct passenger *p)
{
	struct wb_error local = {};
	int r = look(j->f, p, &local);

	decide(j, p, r, &local);
}

static void first_look(void *ctx, size_t i)
{
	struct journey *j = ctx;
	struct passenger *p = &j->list[i];

	if (is_checkpointed(p) && !has_failed(j))
		look_and_decide(j, p);
}

/* Packets of a unit that is started again are held from here on, those of the others from their own wave on. */
static void see_others(struct journey *j)
{
	for (size_t i = 0; i < j->n; i++)
		if (!is_checkpointed(&j->list[i]))
			see(j, &j->list[i]);
}

/* A unit that goes last stands still for the shortest time: by its priority, or else if it has connections. */
static bool before(const struct wb_manifest_unit *a, const struct wb_manifest_unit *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return !a->ends.connections.n && b->ends.connections.n;
}

/* An insertion sort keeps units that are alike in the manifest's order. */
static void take_turns(struct journey *j)
{
	j->n_turns = 0;
	for (size_t i = 0; i < j->n; i++) {
		size_t at = j->n_turns;

		if (!is_checkpointed(&j->list[i]))
			continue;
		for (; at && before(j->list[i].unit, j->list[j->turns[at - 1]].unit); at--)
			j->turns[at] = j->turns[at - 1];
		j->turns[at] = i;
		j->n_turns++;
	}
	j->left = j->n_turns;
}

static int hold(struct journey *j, struct wb_error *err)
{
	int r = j->f->ops->hold(j->f->ops->ctx, &j->seen, &j->held, err);

	j->long_held = r > 0;
	return r < 0 ? r : 0;
}

static const struct wb_keep_means *way_of(
	const struct wb_freeze *f, const struct wb_manifest_unit *u)
{
	return wb_way_find(f->ways, u->how);
}

static void mark(struct journey *j, const char *what, const struct passenger *p)
{
	pthread_mutex_lock(&j->lock);
	j->f->ops->mark(j->f->ops->ctx, what, p->unit->unit);
	pthread_mutex_unlock(&j->lock);
}

static int64_t now(struct journey *j, int64_t *ret_tsc)
{
	int64_t mono;

	pthread_mutex_lock(&j->lock);
	j->f->ops->now(j->f->ops->ctx, &mono, ret_tsc);
	pthread_mutex_unlock(&j->lock);
	return mono;
}

static int stop_by_its_way(struct journey *j, struct passenger *p, struct wb_error *err)
{
	const struct wb_freeze *f = j->f;
	struct wb_way_host host = f->host;
	int r;

	host.held = j->long_held;
	mark(j, WB_MARK_FREEZE_BEGIN, p);
	r = way_of(f, p->unit)->freeze(&host, p->unit, f->store, &p->frozen, err);
	mark(j, WB_MARK_FREEZE_END, p);
	return r;
}

/* Stop the unit. If that fails with pre-copied memory, try once more without. */
static int stop_one(struct journey *j, struct passenger *p, struct wb_error *err)
{
	struct wb_manifest_unit *u = p->unit;
	struct wb_store *store = j->f->store;
	struct wb_error local = {};
	int r;

	if (u->ahead_pid && u->ahead_pid != u->main_pid)
		wb_ahead_stay(u, store, "it was started again after the pre-copy of its memory");
	/* The process that copied it may have failed to park the store. */
	else if (u->ahead_pid && !wb_store_has(store, u->images))
		wb_ahead_stay(u, store, "its pre-copied memory is not in the store");
	if (!u->ahead_pid)
		return stop_by_its_way(j, p, err);
	r = stop_by_its_way(j, p, &local);
	/* After a hang, or without its tasks, another try would fail, too. */
	if (r < 0 && r != -EIO && r != -ESRCH) {
		wb_ahead_stay(u, store, local.text);
		return stop_by_its_way(j, p, err);
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
	size_t share, bytes;
	int r = wb_manifest_check_unit(u, &bytes, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&j->lock);
	share = j->room / (j->left ? j->left : 1);
	if (bytes > share)
		r = wb_fail(err, -ENOSPC,
			"the list of its %zu files and %zu connections is too long by %zu KiB",
			u->files.n, u->ends.connections.n, ((bytes - share) >> 10) + 1);
	if (r == 0)
		j->room -= bytes;
	pthread_mutex_unlock(&j->lock);
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
	int64_t since = now(j, &p->unit->frozen_tsc), until, tsc;
	int r = stop_one(j, p, err);

	if (r < 0)
		return r;
	until = now(j, &tsc);
	if (until > since)
		p->unit->dump_us = (until - since) / 1000;
	r = complete(j, p, err);
	if (r < 0) {
		way_of(f, p->unit)->cancel(&f->host, p->frozen, NULL);
		p->frozen = NULL;
	}
	return r;
}

/* After a failure that ends the freeze, units that have not begun are left alone. */
static void freeze_next(void *ctx, size_t i)
{
	const struct wave *w = ctx;
	struct journey *j = w->j;
	struct passenger *p = in_wave(w, i);
	struct wb_error local = {};

	if (has_failed(j))
		return;
	if (is_checkpointed(p))
		decide(j, p, freeze_one(j, p, &local), &local);
	/* This unit writes nothing further. */
	wb_store_share(j->f->store, p->prefix, 0);
	pthread_mutex_lock(&j->lock);
	/* A unit that was lowered has another packet hold, and one that stands still has its last connections. */
	if (note_seen(j, p, NULL) < 0)
		j->seen.units.items[p - j->list].how = p->unit->how;
	j->left--;
	pthread_mutex_unlock(&j->lock);
}

/* ---- waves ---- */

/*
 * The wave that begins at this turn: as many units as are worked on at a time. A checkpoint of what has changed since a
 * pre-copy is a copy in memory for a moment, so a wave has one of these at most.
 */
static struct wave wave_at(struct journey *j, size_t from)
{
	struct wave w = {j, from, 0};
	size_t most = j->f->workers ? j->f->workers : 1;
	bool ahead = false;

	for (; w.n < most && from + w.n < j->n_turns; w.n++) {
		if (ahead && in_wave(&w, w.n)->unit->ahead_pid)
			break;
		ahead |= in_wave(&w, w.n)->unit->ahead_pid;
	}
	return w;
}

/* -ENOMEM. */
static int settle(const struct wave *w, struct wb_error *err)
{
	WB_CLEAN_HELD held = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++)
		if (is_checkpointed(in_wave(w, i)))
			r = wb_held_add(&held, in_wave(w, i)->unit);
	if (r < 0)
		return wb_oom(err);
	w->j->f->ops->settle(w->j->f->ops->ctx, &held.kept);
	return 0;
}

/*
 * A unit ran on while others were frozen: it may have begun connections, opened files, forked, or done something that
 * prevents keeping it.
 */
static void look_in_wave(void *ctx, size_t i)
{
	const struct wave *w = ctx;

	if (is_checkpointed(in_wave(w, i)) && !has_failed(w->j))
		look_and_decide(w->j, in_wave(w, i));
	see(w->j, in_wave(w, i));
}

/* These looks follow each other at once. */
static void look_at(struct journey *j, size_t n, void (*one)(void *ctx, size_t i), void *ctx)
{
	call(j, j->f->ops->look_begin);
	wb_crew(n, j->f->workers, one, ctx);
	call(j, j->f->ops->look_end);
}

/* Without a packet hold the first wave ends the freeze, and a later one lowers its own units. */
static int hold_wave(const struct wave *w, struct wb_error *err)
{
	struct journey *j = w->j;
	struct wb_error local = {};
	int r;

	if (!j->held)
		return hold(j, err);
	r = hold(j, &local);
	for (size_t i = 0; r < 0 && i < w->n; i++)
		if (is_checkpointed(in_wave(w, i)))
			decide(j, in_wave(w, i), r, &local);
	return 0;
}

/* Hold the packets of these units before one of them stands still, and freeze them. */
static int freeze_wave(struct wave *w, struct wb_error *err)
{
	int r = settle(w, err);

	if (r < 0)
		return r;
	look_at(w->j, w->n, look_in_wave, w);
	if (!w->j->failed)
		r = hold_wave(w, err);
	if (r == 0 && !w->j->failed)
		wb_crew(w->n, w->j->f->workers, freeze_next, w);
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
static void commit_one(void *ctx, size_t i)
{
	struct journey *j = ctx;
	struct passenger *p = &j->list[i];

	if (p->frozen)
		way_of(j->f, p->unit)->commit(&j->f->host, p->frozen, NULL);
}

static void cancel_one(void *ctx, size_t i)
{
	struct journey *j = ctx;
	struct passenger *p = &j->list[j->n - 1 - i];

	if (p->frozen)
		way_of(j->f, p->unit)->cancel(&j->f->host, p->frozen, NULL);
}

static int begin(struct journey *j, const struct wb_freeze *f, struct wb_manifest *m)
{
	size_t n = m->units.n;

	*j = (struct journey){.f = f,
		.n = n,
		.room = WB_MANIFEST_MOST - OTHER_PARTS,
		.list = calloc(n + 1, sizeof(*j->list)),
		.turns = calloc(n + 1, sizeof(*j->turns)),
		.lock = PTHREAD_MUTEX_INITIALIZER};
	j->seen.units.items = calloc(n + 1, sizeof(*j->seen.units.items));
	if (!j->list || !j->turns || !j->seen.units.items)
		return -ENOMEM;
	j->seen.units.n = n;
	for (size_t i = 0; i < n; i++) {
		struct passenger *p = &j->list[i];

		p->unit = &m->units.items[i];
		j->seen.units.items[i].unit = p->unit->unit;
		snprintf(p->prefix, sizeof(p->prefix), "u%zu/", i);
		if (is_checkpointed(p))
			wb_text_replace(&p->unit->images, p->prefix);
	}
	return 0;
}

static void end(struct journey *j)
{
	for (size_t i = 0; j->list && i < j->n; i++)
		wb_strv_deinit(&j->list[i].files);
	for (size_t i = 0; i < j->seen.units.n; i++)
		wb_net_ends_deinit(&j->seen.units.items[i].ends);
	free(j->seen.units.items);
	free(j->list);
	free(j->turns);
	free(j->held);
}

/*
 * Look at all, so that none is stopped for a failure that can be known, and take turns by what was found. A single wave
 * is looked at before anything is stopped in any case.
 */
static void prepare(struct journey *j)
{
	take_turns(j);
	if (wave_at(j, 0).n < j->n_turns) {
		look_at(j, j->n, first_look, j);
		take_turns(j);
	}
	see_others(j);
}

/* Each unit finds the room for which it was measured, even if another one has grown since. */
static int share_out(struct journey *j, struct wb_error *err)
{
	struct wb_store *store = j->f->store;
	int r = wb_store_share(store, WB_MANIFEST_OBJECT, MANIFEST_SHARE);

	for (size_t i = 0; r == 0 && i < j->n_turns; i++) {
		struct passenger *p = &j->list[j->turns[i]];

		r = wb_store_share(store, p->prefix, wb_ahead_share(p->unit));
	}
	return r < 0 ? wb_oom(err) : 0;
}

/* Freeze all, wave by wave. */
static int freeze_each(struct journey *j, struct wb_error *err)
{
	int r;

	prepare(j);
	r = share_out(j, err);
	if (r == 0 && !j->n_turns && !j->failed)
		r = hold(j, err);
	for (size_t at = 0; r == 0 && !j->failed && at < j->n_turns;) {
		struct wave w = wave_at(j, at);

		r = freeze_wave(&w, err);
		at += w.n;
	}
	if (j->failed && err)
		*err = j->error;
	return j->failed ? j->failed : r;
}

int wb_freeze_all(const struct wb_freeze *f, struct wb_manifest *m, struct wb_error *err)
{
	struct journey j;
	int r = begin(&j, f, m);

	if (r < 0) {
		end(&j);
		return wb_oom(err);
	}
	call(&j, f->ops->begin);
	r = freeze_each(&j, err);
	call(&j, f->ops->end);
	if (r == 0)
		r = write_manifest(f, j.list, m, err);
	wb_crew(j.n, f->workers, r == 0 ? commit_one : cancel_one, &j);
	if (r < 0)
		f->ops->unhold(f->ops->ctx);
	end(&j);
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
