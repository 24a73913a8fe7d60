// SPDX-License-Identifier: LGPL-2.1-or-later
/* Steps of keeping before the shutdown: a store, the early restore, and the rehearsal with its pre-copy. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/crew.h"
#include "core/text.h"
#include "criu/modules.h"
#include "keep/ahead.h"
#include "restore/revive.h"
#include "session/keeping-parts.h"
#include "session/program.h"
#include "session/request.h"
#include "choice/config.h"
#include "survey/preflight.h"
#include "sys/machine.h"

#define MARGIN_BYTES (16u << 20)
/* Each unit that is being written has an extent that is not full (store/write.c). */
#define OPEN_BYTES (4u << 20)

static uint64_t store_size(const struct wb_keeping *k)
{
	uint64_t bytes = k->bytes + wb_ahead_changes(&k->draft);
	uint64_t writers = wb_crew_waiters();

	if (writers > WB_CREW_MOST)
		writers = WB_CREW_MOST;
	if (writers > k->draft.units.n)
		writers = k->draft.units.n;
	return bytes + bytes * WB_KEEPING_MARGIN_PERCENT / 100 + MARGIN_BYTES +
	       writers * OPEN_BYTES;
}

int wb_keeping_foresee(const struct wb_session_host *h, const struct wb_store_backend *backend,
	struct wb_keeping *k, struct wb_error *err)
{
	uint64_t left = wb_available_memory(h->sys->files);
	uint64_t size = backend->of_ram ? store_size(k) : 0;
	struct wb_error why = {};
	int lowered = 1,
	    r = backend->available ? backend->available(h->store, store_size(k), &why) : 0;

	if (r == -ENOSPC && wb_ahead_changes(&k->draft)) {
		wb_ahead_fit(&k->draft, 0);
		r = backend->available(h->store, store_size(k), &why);
	}
	while (r == -ENOSPC && (lowered = wb_keeping_lower_largest(k, why.text, err)) > 0)
		r = backend->available(h->store, store_size(k), &why);
	if (lowered < 0)
		return lowered;
	if (r < 0)
		return wb_keeping_lower_all(k, why.text, err);
	wb_ahead_fit(&k->draft, left > size ? left - size : 0);
	return 0;
}

/*
 * Drop a store that is not sealed: an interrupted reboot left it, and it cannot be used. A sealed
 * one belongs to the user (warmboot store put).
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

static int create(const struct wb_store_env *env, const struct wb_store_backend *backend,
	uint64_t bytes, struct wb_keeping *k, struct wb_error *err)
{
	WB_CLEAN_STORE s = NULL;
	int r = wb_store_create(env, backend->name, bytes, &s, err);

	if (r < 0)
		return r;
	r = wb_store_of_services(s, err);
	if (r < 0) {
		wb_store_drop(env, NULL);
		return r;
	}
	k->store = s;
	s = NULL;
	return 0;
}

int wb_keeping_reserve(const struct wb_session_host *h, const struct wb_store_backend *backend,
	struct wb_keeping *k, struct wb_error *err)
{
	struct wb_error local = {};
	int r, lowered = 1;

	if (!k->draft.units.n)
		return 0;
	r = make_way(h->store, err);
	if (r < 0)
		return r;
	r = create(h->store, backend, store_size(k), k, &local);
	if (r == -ENOSPC && wb_ahead_changes(&k->draft)) {
		wb_ahead_fit(&k->draft, 0);
		local = (struct wb_error){};
		r = create(h->store, backend, store_size(k), k, &local);
	}
	while (r == -ENOSPC && (lowered = wb_keeping_lower_largest(k, local.text, err)) > 0)
		r = create(h->store, backend, store_size(k), k, &local);
	if (lowered < 0)
		return lowered;
	if (r == WB_STORE_NO_STATE)
		return wb_no_room(&local, err);
	if (r == 0) {
		wb_ahead_fit(&k->draft, wb_available_memory(h->sys->files));
		return 0;
	}
	r = wb_keeping_lower_all(k, local.text, err);
	/*
	 * Make a small store for the manifest alone: by it, the next boot holds packets for the
	 * units that are restarted.
	 */
	if (r == 0 && create(h->store, backend, MARGIN_BYTES, k, &local) == WB_STORE_NO_STATE)
		r = wb_no_room(&local, err);
	return r;
}

int wb_keeping_early(const struct wb_session_host *h, struct wb_keeping *k,
	struct wb_load_options *options, struct wb_error *err)
{
	WB_CLEAN_MANIFEST now = {};
	int r = 0;

	/*
	 * With control groups of version 1 only systemd knows where the processes of a unit belong.
	 */
	if (!h->sys->files->exists(h->sys->files->ctx, "/sys/fs/cgroup/cgroup.controllers"))
		return 0;
	r = wb_net_read(h->sys->files, h->runner, &now.net, err);
	if (r < 0)
		return r;
	if (wb_revive_module_names(&now.net, &k->modules) < 0)
		return wb_oom(err);
	options->early = WB_PROGRAM;
	options->early_modules = (const char *const *)k->modules.items;
	options->n_early_modules = k->modules.n;
	return 0;
}

int wb_keeping_send_ahead(
	const struct wb_session_host *h, struct wb_keeping *k, struct wb_manifest_unit *u)
{
	struct wb_error local = {};

	if (!wb_ahead_bytes(u))
		return 1;
	if (wb_freeze_ahead(h->ways, h->sys, u, k->store, &local) == 0)
		return 0;
	wb_ahead_stay(u, k->store, local.text);
	return 1;
}

/*
 * Rehearse with the pre-copied memory, as in the freeze. If that fails, the freeze would fail too,
 * so try without.
 */
static int rehearse_one(const struct wb_session_host *h, struct wb_keeping *k,
	struct wb_manifest_unit *u, struct wb_error *err)
{
	struct wb_error local = {};
	int64_t frozen_us = 0;
	int r;

	if (wb_keeping_send_ahead(h, k, u) == 0) {
		r = wb_freeze_rehearse(h->ways, h->sys, u, k->store, &frozen_us, &local);
		u->dump_us = frozen_us;
		if (r == 0)
			return 0;
		/* If the unit did not survive, the next attempt reports it. */
		wb_ahead_stay(u, k->store, local.text);
	}
	r = wb_freeze_rehearse(h->ways, h->sys, u, k->store, &frozen_us, err);
	u->dump_us = frozen_us;
	return r;
}

/*
 * Look at the unit again: a new reason there is clearer than CRIU's log, which is lost in the jump.
 */
static void find_reason(const struct wb_session_host *h, const struct wb_keeping *k,
	const struct wb_manifest_unit *u, struct wb_error *why)
{
	struct wb_keep_config named = {.unit = u->unit, .how = WB_KEEP_AUTO};
	const char *name = wb_chosen_name(u);
	WB_CLEAN_KEEP_VERDICT verdict = {};
	WB_CLEAN_KEEP_CONFIG config = {};
	bool configured = wb_keep_config_read(h->sys->files, name, &config, NULL) == 0;

	if (configured)
		wb_text_replace(&config.unit, u->unit);
	/* The rehearsal ran on this kernel, so its modules count and not those of the next one. */
	if (wb_keeping_look(h, k, configured ? &config : &named, NULL, &verdict, NULL) == 0 &&
		!wb_keep_way(verdict.how)->checkpointed && verdict.reasons.n)
		wb_fail(why, why->code, "%s", verdict.reasons.items[0]);
}

/* The rehearsal of all units. */
struct rehearsing {
	const struct wb_session_host *h;
	struct wb_keeping *k;
	struct wb_error *why; /* for each unit that failed */
	bool *failed;
	/* Pre-copied memory exists twice for a while, so it is made for one unit at a time. */
	pthread_mutex_t ahead;
	pthread_mutex_t lock; /* for the caller's functions, and for what follows */
	int ended;            /* -EINTR: no other unit begins */
	struct wb_error error;
};

static bool may_begin(struct rehearsing *r, const struct wb_manifest_unit *u)
{
	bool may;

	pthread_mutex_lock(&r->lock);
	if (!r->ended && wb_tell_interrupted(r->h, &r->error) < 0)
		r->ended = -EINTR;
	may = !r->ended;
	if (may)
		wb_tell_progress(
			r->h, wb_ahead_bytes(u) ? "copying memory ahead" : "rehearsing the freeze");
	pthread_mutex_unlock(&r->lock);
	return may;
}

static void rehearse_next(void *ctx, size_t i)
{
	struct rehearsing *r = ctx;
	struct wb_manifest_unit *u = &r->k->draft.units.items[i];
	bool alone = wb_ahead_bytes(u);

	/* A guest of another program is saved once only. */
	if (!wb_unit_is_checkpointed(u) || wb_keep_way(u->how)->managed)
		return;
	if (alone)
		pthread_mutex_lock(&r->ahead);
	if (may_begin(r, u) && rehearse_one(r->h, r->k, u, &r->why[i]) < 0) {
		find_reason(r->h, r->k, u, &r->why[i]);
		r->failed[i] = true;
	}
	if (alone)
		pthread_mutex_unlock(&r->ahead);
}

static int rehearse_all(struct rehearsing *r, struct wb_error *err)
{
	struct wb_manifest *m = &r->k->draft;
	int e = 0;

	wb_crew(m->units.n, r->h->workers, rehearse_next, r);
	wb_tell_progress(r->h, NULL);
	if (r->ended && err)
		*err = r->error;
	if (r->ended)
		return r->ended;
	for (size_t i = 0; e == 0 && i < m->units.n; i++)
		if (r->failed[i])
			e = wb_keeping_lower(&m->units.items[i], r->why[i].text, err);
	return e;
}

int wb_keeping_rehearse(const struct wb_session_host *h, struct wb_keeping *k, struct wb_error *err)
{
	size_t n = k->draft.units.n;
	struct rehearsing r = {.h = h,
		.k = k,
		.ahead = PTHREAD_MUTEX_INITIALIZER,
		.lock = PTHREAD_MUTEX_INITIALIZER};
	int e = 0;

	if (k->store) {
		wb_criu_load_modules(h->sys->files, h->runner);
		r.why = calloc(n + 1, sizeof(*r.why));
		r.failed = calloc(n + 1, sizeof(*r.failed));
		e = r.why && r.failed ? rehearse_all(&r, err) : wb_oom(err);
		free(r.why);
		free(r.failed);
	}
	return e < 0 ? e : wb_keeping_lower_bound(k, err);
}
