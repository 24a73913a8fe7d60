// SPDX-License-Identifier: LGPL-2.1-or-later
/* Starts of units in the boot's user space, and its critical chain. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/sort.h"
#include "systemd/unit.h"
#include "timeline/starts.h"

/* A shorter start is within the noise. */
#define WORTH_US 1000

void wb_starts_deinit(struct wb_starts *starts)
{
	free(starts->items);
	*starts = (struct wb_starts){};
}

/* As systemd-analyze(1) has it: until the unit was up, or for what runs once, until it had ended. */
static uint64_t took_us(const struct wb_unit_start *at)
{
	if (at->up_us >= at->from_us)
		return at->up_us - at->from_us;
	return at->end_us >= at->from_us ? at->end_us - at->from_us : 0;
}

static bool is_ours(const struct wb_start *s)
{
	return !strncmp(s->unit, "warmboot-", strlen("warmboot-"));
}

static const struct wb_start *find(const struct wb_starts *starts, const char *unit)
{
	for (size_t i = 0; i < starts->n; i++)
		if (!strcmp(starts->items[i].unit, unit))
			return &starts->items[i];
	return NULL;
}

/* Of the units in `after`, the one that came up last before `until_us`, or NULL. */
static const struct wb_start *last_of(
	const struct wb_starts *starts, const struct wb_strv *after, uint64_t until_us)
{
	const struct wb_start *last = NULL;

	for (size_t i = 0; i < after->n; i++) {
		const struct wb_start *s = find(starts, after->items[i]);

		if (s && s->at.up_us && s->at.up_us <= until_us &&
			(!last || s->at.up_us > last->at.up_us))
			last = s;
	}
	return last;
}

/* default.target is another name of the target that came up then. */
static const struct wb_start *find_target(const struct wb_starts *starts, uint64_t target_us)
{
	for (size_t i = 0; i < starts->n; i++)
		if (starts->items[i].at.up_us == target_us &&
			!strcmp(wb_unit_kind(starts->items[i].unit), "target"))
			return &starts->items[i];
	return NULL;
}

static int read_chain(const struct wb_sources *sources, const struct wb_starts *starts,
	const struct wb_start *at, struct wb_starts *ret)
{
	struct wb_starts chain = {.items = calloc(WB_TL_CHAIN, sizeof(*chain.items))};

	if (!chain.items)
		return -ENOMEM;
	while (at && chain.n < WB_TL_CHAIN) {
		WB_CLEAN_STRV after = {};
		const struct wb_start *next = NULL;

		/* Two units that are ordered after each other have come up at the same time. */
		if (find(&chain, at->unit))
			break;
		chain.items[chain.n++] = *at;
		if (sources->after(sources->ctx, at->unit, &after) == 0)
			next = last_of(starts, &after, at->at.up_us);
		at = next;
	}
	*ret = chain;
	return 0;
}

int wb_starts_read(const struct wb_sources *sources, const struct wb_user_times *user,
	struct wb_starts *ret, struct wb_starts *ret_chain)
{
	struct wb_starts starts = {};
	int r = sources->starts(sources->ctx, &starts);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = user->target_us
		    ? read_chain(sources, &starts, find_target(&starts, user->target_us), ret_chain)
		    : 0;
	if (r < 0)
		wb_starts_deinit(&starts);
	else
		*ret = starts;
	return r;
}

static struct wb_tl_start placed(const struct wb_start *s, double zero)
{
	struct wb_tl_start p = {.start_s = zero + (double)s->at.from_us / 1e6,
		.duration_s = (double)took_us(&s->at) / 1e6,
		.ours = is_ours(s)};

	memcpy(p.unit, s->unit, sizeof(p.unit));
	return p;
}

static int by_took(const void *a, const void *b)
{
	const struct wb_start *s = a, *t = b;
	uint64_t x = took_us(&s->at), y = took_us(&t->at);

	return x != y ? (x < y) - (x > y) : strcmp(s->unit, t->unit);
}

/* How much of the start lies within user space, up to the default target. */
static double within(const struct wb_start *s, const struct wb_user_times *user)
{
	uint64_t from = s->at.from_us, to = from + took_us(&s->at);

	from = from > user->userspace_us ? from : user->userspace_us;
	to = to < user->target_us ? to : user->target_us;
	return to > from ? (double)(to - from) / 1e6 : 0;
}

int wb_starts_place(const struct wb_facts *f, double zero, struct wb_timeline *t)
{
	struct wb_start *sorted = calloc(f->starts.n + 1, sizeof(*sorted));
	const struct wb_user_times *user = &f->user;

	if (!sorted)
		return -ENOMEM;
	t->generators_s = -1;
	if (user->generators_from_us && user->generators_to_us >= user->generators_from_us)
		t->generators_s = (double)(user->generators_to_us - user->generators_from_us) / 1e6;
	t->ours_s = f->starts.n && user->userspace_us && user->target_us ? 0 : -1;
	for (size_t i = 0; i < f->starts.n; i++) {
		sorted[i] = f->starts.items[i];
		if (t->ours_s >= 0 && is_ours(&sorted[i]))
			t->ours_s += within(&sorted[i], user);
	}
	wb_sort(sorted, f->starts.n, sizeof(*sorted), by_took);
	/* Units that were started later than the boot are not of it. */
	for (size_t i = 0; i < f->starts.n && t->n_starts < WB_TL_STARTS; i++)
		if (took_us(&sorted[i].at) >= WORTH_US &&
			(!user->finish_us || sorted[i].at.from_us <= user->finish_us))
			t->starts[t->n_starts++] = placed(&sorted[i], zero);
	for (size_t i = 0; i < f->chain.n && i < WB_TL_CHAIN; i++)
		t->chain[t->n_chain++] = placed(&f->chain.items[i], zero);
	free(sorted);
	return 0;
}
