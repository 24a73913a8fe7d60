// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/ahead.h"
#include "keep/freeze.h"
#include "keep/merge.h"

/* Bytes of the manifest that are left to the network and to units that are restarted. */
#define OTHER_PARTS (4u << 20)

/* One unit of the manifest on its way. */
struct passenger {
	struct wb_manifest_unit *unit;
	struct wb_strv files;
	struct wb_frozen *frozen;
	int64_t highest; /* process or thread */
	char prefix[32]; /* of its objects */
};

static void set(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
}

/* All of them. */
struct journey {
	const struct wb_freeze *f;
	struct wb_manifest *m;
	struct passenger *list; /* one for each of the manifest's units */
	size_t room;            /* bytes that the manifest may still grow */
	char *held;             /* the hold that is in force; NULL none */
	bool waited;            /* somebody has been frozen since all were looked at */
};

static bool is_process(const struct passenger *p)
{
	return wb_manifest_is_process(p->unit);
}

/* `r` is of one unit: the end of everything, or of its place on the higher rung. */
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
		if (!is_process(p))
			continue;
		set(&p->unit->images, p->prefix);
		r = decide(j->f, p, look(j->f, p, &local), &local, err);
	}
	return r;
}

/*
 * While others were frozen this one ran on: it may have begun connections, opened files, forked, or
 * done what it cannot be kept with.
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

/* It is not in the store where the one who was to leave it there could not. */
static bool went_ahead(const struct wb_store *store, const struct wb_manifest_unit *u)
{
	struct wb_store_object o;
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s" WB_MERGE_BEFORE, u->images);
	for (size_t i = 0; wb_store_object(store, i, &o); i++)
		if (!strncmp(o.name, prefix, strlen(prefix)))
			return true;
	return false;
}

/* Stop it; where that fails with memory that went ahead, once more with all of it. */
static int stop_one(const struct wb_freeze *f, struct passenger *p, struct wb_error *err)
{
	const struct wb_freeze_ops *ops = f->ops;
	struct wb_manifest_unit *u = p->unit;
	struct wb_error local = {};
	int r;

	if (u->ahead_pid && u->ahead_pid != u->main_pid)
		wb_ahead_stay(u, f->store, "it was started again after its memory went ahead");
	else if (u->ahead_pid && !went_ahead(f->store, u))
		wb_ahead_stay(u, f->store, "its memory that went ahead is not in the store");
	if (!u->ahead_pid)
		return ops->freeze(ops->ctx, u, f->store, &p->frozen, err);
	r = ops->freeze(ops->ctx, u, f->store, &p->frozen, &local);
	/* One that hung, or whose tasks are gone, is no better for another try. */
	if (r < 0 && r != -EIO && r != -ESRCH) {
		wb_ahead_stay(u, f->store, local.text);
		return ops->freeze(ops->ctx, u, f->store, &p->frozen, err);
	}
	if (r < 0 && err)
		*err = local;
	return r;
}

/* Its part of the manifest is complete. What is wrong with it is this unit's matter alone. */
static int make_room(struct journey *j, const struct wb_manifest_unit *u, struct wb_error *err)
{
	size_t bytes;
	int r = wb_manifest_check_unit(u, &bytes, err);

	if (r == 0 && bytes > j->room)
		r = wb_fail(err, -ENOSPC,
			"the list of its %zu files and %zu connections is too long by %zu KiB",
			u->files.n, u->connections.n, ((bytes - j->room) >> 10) + 1);
	if (r == 0)
		j->room -= bytes;
	return r;
}

/* It stands still: only now nothing of it changes any more, and a file is the one it knows. */
static int complete(struct journey *j, struct passenger *p, struct wb_error *err)
{
	const struct wb_freeze_ops *ops = j->f->ops;
	int r = ops->note(ops->ctx, p->unit, &p->files, &p->highest, err);

	if (r == 0)
		r = ops->take(ops->ctx, p->unit, &p->files, j->f->store, err);
	return r == 0 ? make_room(j, p->unit, err) : r;
}

static int freeze_one(struct journey *j, struct passenger *p, struct wb_error *err)
{
	const struct wb_freeze *f = j->f;
	const struct wb_freeze_ops *ops = f->ops;
	int64_t wall, tsc;
	int r = look_again(j, p, err);

	if (r < 0)
		return r;
	ops->now(ops->ctx, &p->unit->frozen_wall_ns, &p->unit->frozen_tsc);
	r = stop_one(f, p, err);
	if (r < 0)
		return r;
	ops->now(ops->ctx, &wall, &tsc);
	if (wall > p->unit->frozen_wall_ns)
		p->unit->dump_us = (wall - p->unit->frozen_wall_ns) / 1000;
	r = complete(j, p, err);
	if (r < 0) {
		ops->cancel(ops->ctx, p->frozen, NULL);
		p->frozen = NULL;
	}
	return r;
}

static int freeze_each(struct journey *j, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < j->m->units.n && r == 0; i++) {
		struct passenger *p = &j->list[i];
		struct wb_error local = {};

		if (is_process(p))
			r = decide(j->f, p, freeze_one(j, p, &local), &local, err);
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

	for (size_t i = 0; i < sizeof(info.nonce); i++)
		sprintf(nonce + 2 * i, "%02x", info.nonce[i]);
	set(&m->nonce, nonce);
	m->version = WB_MANIFEST_VERSION;
	m->highest_pid = 0;
	for (size_t i = 0; i < m->units.n; i++)
		if (list[i].highest > m->highest_pid)
			m->highest_pid = list[i].highest;
	/* Better known from before the shutdown, which may take addresses down. */
	r = m->net.links.n ? 0 : f->ops->net(f->ops->ctx, &m->net, err);
	if (r == 0)
		r = wb_manifest_write(m, &text, err);
	if (r == 0)
		r = wb_store_put(f->store, WB_MANIFEST_OBJECT,
			(struct wb_bytes){(const uint8_t *)text, strlen(text)}, err);
	return r == 0 ? wb_store_seal(f->store, err) : r;
}

/* The point of no return is behind: whatever fails now can only be told. */
static void commit_all(const struct wb_freeze *f, struct passenger *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].frozen)
			f->ops->commit(f->ops->ctx, list[i].frozen, NULL);
}

static void cancel_all(const struct wb_freeze *f, struct passenger *list, size_t n)
{
	for (size_t i = n; i-- > 0;)
		if (list[i].frozen)
			f->ops->cancel(f->ops->ctx, list[i].frozen, NULL);
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
	/* Ports and connections are known now; they must be silent before anything stands still. */
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
