// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guests that another program runs are saved before the shutdown, which ends that program. First all of them are
 * copied, and each could go on in an instant; then the store and the draft are written; only then they end.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/crew.h"
#include "jump/jump.h"
#include "keep/domain.h"
#include "session/keeping-parts.h"

struct saving {
	const struct wb_session_host *h;
	struct wb_keeping *k;
	struct wb_store *store;
	struct wb_domain_saving *
		*list; /* one for each of the draft's units; NULL: it is not saved */
	struct wb_error *why;
	int *r;
};

static struct wb_manifest_unit *unit_at(const struct saving *s, size_t i)
{
	return &s->k->draft.units.items[i];
}

static bool is_managed(const struct wb_manifest_unit *u)
{
	return wb_keep_way(u->how)->managed;
}

static struct wb_domain_host host_of(const struct wb_session_host *h)
{
	return (struct wb_domain_host){h->sys, h->runner, h->domains};
}

static bool has_any(const struct wb_manifest *m)
{
	for (size_t i = 0; i < m->units.n; i++)
		if (is_managed(&m->units.items[i]))
			return true;
	return false;
}

static void save_next(void *ctx, size_t i)
{
	struct saving *s = ctx;
	const struct wb_domain_host host = host_of(s->h);

	if (is_managed(unit_at(s, i)))
		s->r[i] = wb_domain_into_store(
			&host, unit_at(s, i), s->store, &s->list[i], &s->why[i]);
}

/* One that fails goes on, and is restarted; unless it insists. */
static int lower_failed(struct saving *s, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->k->draft.units.n; i++) {
		struct wb_manifest_unit *u = unit_at(s, i);

		if (s->r[i] == 0)
			continue;
		wb_tell_warning(s->h, "%s is restarted: %s", wb_chosen_name(u), s->why[i].text);
		wb_store_forget(s->store, u->images, NULL);
		r = wb_keeping_lower(u, s->why[i].text, err);
		s->r[i] = 0;
	}
	return r;
}

/* The freeze is another process: what it finds must be whole before anything ends. */
static int leave(struct saving *s, struct wb_error *err)
{
	int r = wb_store_park(s->store, err);

	return r == 0 ? wb_keeping_write_draft(s->h, s->k, err) : r;
}

/* A domain whose save fails here goes on, or comes back from the store. */
static void commit_next(void *ctx, size_t i)
{
	struct saving *s = ctx;
	struct wb_domain_saving *saving = s->list[i];

	s->list[i] = NULL;
	if (saving)
		s->r[i] = wb_domain_save_commit(saving, &s->why[i]);
}

static void cancel_next(void *ctx, size_t i)
{
	struct saving *s = ctx;

	wb_domain_save_cancel(s->list[i]);
	s->list[i] = NULL;
}

/* 0 also if there is none. */
static int take_failed_back(struct saving *s, struct wb_error *err)
{
	const struct wb_domain_host host = host_of(s->h);
	bool any = false;
	int r;

	for (size_t i = 0; i < s->k->draft.units.n; i++) {
		if (s->r[i] == 0)
			continue;
		any = true;
		wb_domain_from_store(&host, unit_at(s, i), s->store, NULL);
	}
	if (!any)
		return 0;
	r = lower_failed(s, err);
	return r == 0 ? leave(s, err) : r;
}

static int save_all(struct saving *s, struct wb_error *err)
{
	size_t n = s->k->draft.units.n;
	int r;

	wb_crew(n, s->h->workers, save_next, s);
	r = lower_failed(s, err);
	if (r == 0)
		r = leave(s, err);
	if (r < 0)
		return r;
	wb_crew(n, s->h->workers, commit_next, s);
	return take_failed_back(s, err);
}

int wb_keeping_save(const struct wb_session_host *h, struct wb_keeping *k, struct wb_error *err)
{
	size_t n = k->draft.units.n;
	WB_CLEAN_STORE store = NULL;
	struct saving s = {.h = h, .k = k};
	int r;

	if (!k->store || !has_any(&k->draft))
		return 1;
	wb_tell_progress(h, "saving the domains of libvirt");
	r = wb_store_open(h->store, &store, err);
	if (r < 0)
		return r;
	s.store = store;
	s.list = calloc(n + 1, sizeof(*s.list));
	s.why = calloc(n + 1, sizeof(*s.why));
	s.r = calloc(n + 1, sizeof(*s.r));
	r = s.list && s.why && s.r ? save_all(&s, err) : wb_oom(err);
	if (r < 0 && s.list) {
		wb_crew(n, h->workers, cancel_next, &s);
		wb_keeping_bring_back(h, &k->draft);
	}
	wb_tell_progress(h, NULL);
	free(s.list);
	free(s.why);
	free(s.r);
	return r;
}

void wb_keeping_bring_back(const struct wb_session_host *h, const struct wb_manifest *m)
{
	const struct wb_domain_host host = host_of(h);
	WB_CLEAN_STORE store = NULL;

	if (!has_any(m) || wb_store_open(h->store, &store, NULL) < 0)
		return;
	/* One after the other: a store is read by one thread. */
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];
		struct wb_error why = {};

		if (is_managed(u) && wb_domain_from_store(&host, u, store, &why) < 0)
			wb_tell_warning(h, "%s did not come back: %s", wb_chosen_name(u), why.text);
	}
}
