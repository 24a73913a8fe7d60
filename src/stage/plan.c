// SPDX-License-Identifier: LGPL-2.1-or-later
/* The wish of a load and its handoff block, which the planner gets. */
#include <stdio.h>
#include <string.h>

#include "core/digest.h"
#include "stage/stage.h"

static int fill_handoff(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_handoff *h = &s->handoff;
	const struct wb_load_store *store = s->options.store;
	int r = sys->random(sys->ctx, h->nonce, sizeof(h->nonce));

	if (store) {
		/*
		 * The next kernel compares this nonce with the store's, so that it takes only the
		 * store of this jump.
		 */
		memcpy(h->nonce, store->nonce, sizeof(h->nonce));
		h->store_header = store->header;
		h->store_size = store->size;
	}
	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	h->magic = WB_HANDOFF_MAGIC;
	h->version = WB_HANDOFF_VERSION;
	h->size = sizeof(*h);
	h->tsc_load = sys->tsc(sys->ctx);
	h->wall_ns = sys->wall_ns(sys->ctx);
	h->tsc_hz = wb_rate_hz(sys, &s->begin);
	snprintf(h->from_release, sizeof(h->from_release), "%s", s->machine.release);
	snprintf(h->to_release, sizeof(h->to_release), "%.63s", s->release);
	snprintf(h->method, sizeof(h->method), "%s", wb_method_name(s->method));
	return 0;
}

/*
 * Measure which digest is fastest here. With SHA instructions it is plain SHA-256; without them, or
 * where they are emulated, it is the one with several lanes.
 */
static enum wb_digest_kind fastest_digest(const struct wb_sys *sys)
{
	static const uint8_t sample[64 * 1024];
	enum wb_digest_kind ret = WB_DIGEST_SHA256;
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 3 * WB_DIGEST_KINDS; i++) {
		uint64_t begin = sys->mono_ns(sys->ctx), took;
		uint8_t digest[32];

		wb_digest(i % WB_DIGEST_KINDS, sample, sizeof(sample), digest);
		took = sys->mono_ns(sys->ctx) - begin;
		if (took < best) {
			best = took;
			ret = i % WB_DIGEST_KINDS;
		}
	}
	return ret;
}

int wb_stage_plan(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_plan_wish wish = {
		.target = s->target,
		.method = s->method,
		.image = &s->image,
		.vmlinux = &s->vmlinux,
		.initrd = wb_blob_view(&s->initrd),
		.cmdline = s->cmdline,
		.verify = s->options.verify == WB_VERIFY_SHA256,
		.mem_min = s->options.mem_min,
		.mem_max = s->options.mem_max,
		.dtb = wb_blob_view(&s->dtb),
		.store = s->options.store ? s->options.store->ranges : NULL,
		.n_store = s->options.store ? s->options.store->n_ranges : 0,
		.guests = s->options.guests,
		.n_guests = s->options.n_guests,
		.steps = s->guarded ? s->options.watchdog->arm : NULL,
		.n_steps = s->guarded ? s->options.watchdog->n_arm : 0,
	};
	int r = fill_handoff(sys, s, err);

	if (r < 0)
		return r;
	wish.handoff = s->handoff;
	if (wish.verify)
		wish.digest = fastest_digest(sys);
	r = sys->random(sys->ctx, wish.entropy, sizeof(wish.entropy));
	if (r == 0)
		r = sys->random(sys->ctx, wish.rng_seed, sizeof(wish.rng_seed));
	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	wb_stage_progress(s, wish.verify ? "planning and checksumming" : "planning");
	return wb_plan_make(&s->machine, &wish, &s->plan, err);
}
