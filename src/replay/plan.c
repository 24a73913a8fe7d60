// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Planning a replay: comparing the recorded units with the running ones, and sorting the missing
 * ones. No I/O.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "replay/replay.h"
#include "core/sort.h"

/* Units by name. */
struct index {
	const struct wb_unit **items;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	return strcmp((*(const struct wb_unit *const *)a)->name,
		(*(const struct wb_unit *const *)b)->name);
}

static int index_init(struct index *ix, const struct wb_world *world)
{
	ix->n = world ? world->n_units : 0;
	ix->items = calloc(ix->n + 1, sizeof(*ix->items));
	if (!ix->items)
		return -ENOMEM;
	for (size_t i = 0; i < ix->n; i++)
		ix->items[i] = &world->units[i];
	wb_sort(ix->items, ix->n, sizeof(*ix->items), compare);
	return 0;
}

static void index_deinit(struct index *ix)
{
	free(ix->items);
}

#define CLEAN_INDEX __attribute__((cleanup(index_deinit))) struct index

static const struct wb_unit *find(const struct index *ix, const char *name)
{
	const struct wb_unit key = {.name = (char *)name}, *at = &key;
	const struct wb_unit **found =
		wb_search(&at, ix->items, ix->n, sizeof(*ix->items), compare);

	return found ? *found : NULL;
}

/* A walk along "is ordered after", for a topological order. */
struct walk {
	const struct wb_world *world;
	const struct index *ix;
	enum { NEW = 0, OPEN, DONE } * state;
	size_t *stack;     /* units being visited, outermost first */
	size_t *next_edge; /* for each unit: the number of its edges that were followed */
	const struct wb_unit **order;
	size_t n_order;
};

/* Visit units[first] and all that it is ordered after; they are put before it. */
static void visit(struct walk *w, size_t first)
{
	size_t depth = 0;

	w->stack[depth++] = first;
	w->state[first] = OPEN;
	while (depth) {
		size_t at = w->stack[depth - 1];
		const struct wb_unit *u = &w->world->units[at], *before;

		if (w->next_edge[at] == u->after.n) {
			w->state[at] = DONE;
			w->order[w->n_order++] = u;
			depth--;
			continue;
		}
		before = find(w->ix, u->after.items[w->next_edge[at]++]);
		/* A unit that is being visited closes a circle, and the circle is broken here. */
		if (!before || w->state[before - w->world->units] != NEW)
			continue;
		w->state[before - w->world->units] = OPEN;
		w->stack[depth++] = before - w->world->units;
	}
}

/* Sort all units of a world, each after those that it is ordered after. */
static int sort_units(
	const struct wb_world *world, const struct index *ix, const struct wb_unit **ret)
{
	size_t n = world->n_units;
	struct walk w = {.world = world, .ix = ix, .order = ret};
	int r = 0;

	w.state = calloc(n + 1, sizeof(*w.state));
	w.stack = calloc(n + 1, sizeof(*w.stack));
	w.next_edge = calloc(n + 1, sizeof(*w.next_edge));
	if (!w.state || !w.stack || !w.next_edge)
		r = -ENOMEM;
	/* Sort by name, so that units without an order come out the same each time. */
	for (size_t i = 0; r == 0 && i < n; i++)
		if (w.state[ix->items[i] - world->units] == NEW)
			visit(&w, ix->items[i] - world->units);
	free(w.state);
	free(w.stack);
	free(w.next_edge);
	return r;
}

static bool is_one_of(const char *s, const char *const *list)
{
	for (; s && *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

/*
 * Is there a link to the unit below /run that the next boot would lack? Links of generators do not
 * count.
 */
static bool has_link(const struct wb_world *world, const char *unit)
{
	for (size_t i = 0; i < world->n_files; i++) {
		const struct wb_unit_file *f = &world->files[i];
		const char *base = f->link ? strrchr(f->path, '/') : NULL;

		if (base && !strcmp(base + 1, unit))
			return true;
	}
	return false;
}

bool wb_unit_is_by_hand(const struct wb_world *world, const struct wb_unit *u)
{
	static const char *const states[] = {
		"disabled", "transient", "linked", "linked-runtime", "indirect", NULL};

	if (u->state && !strcmp(u->state, "enabled-runtime"))
		return has_link(world, u->name);
	return is_one_of(u->state, states);
}

/* Is a difference in this unit worth reporting? */
static bool is_noteworthy(const struct wb_unit *u)
{
	static const char *const kinds[] = {"service", "socket", "timer", "path", "target", "mount",
		"automount", "swap", "scope", NULL};

	if (!is_one_of(wb_unit_kind(u->name), kinds) || !strcmp(u->name, "init.scope"))
		return false;
	/* warmboot's own units start and end around a jump. */
	return strncmp(u->name, "warmboot-", strlen("warmboot-"));
}

/*
 * Is the unit missing if it does not run now? Yes if it ran, or was about to start, which had been
 * asked for. A unit that had finished (active, exited) counts only if it was started by hand: the
 * boot itself starts all others, or had a reason not to.
 */
static bool did_run(const struct wb_world *world, const struct wb_unit *u)
{
	if (!is_noteworthy(u) || u->by_bus)
		return false;
	if (!wb_unit_is_up(u))
		return wb_unit_is_starting(u);
	return !u->sub || strcmp(u->sub, "exited") || wb_unit_is_by_hand(world, u) || u->unasked;
}

static const char *why_not(const struct wb_unit *u, const struct wb_unit *now)
{
	if (u->cannot)
		return u->cannot;
	if (u->no_start)
		return "systemd does not start it by request (RefuseManualStart=)";
	if (u->state && !strncmp(u->state, "masked", strlen("masked")))
		return "it is masked, and ran only because nobody had stopped it";
	if (now && wb_unit_is_starting(now))
		return "it is still starting";
	return NULL;
}

/* Does the unit run now and did not before? */
static bool is_added(const struct wb_unit *u, const struct wb_unit *before)
{
	static const char *const made[] = {"mount", "swap", NULL};
	const char *kind = wb_unit_kind(u->name);

	if (!is_noteworthy(u) || !wb_unit_is_up(u))
		return false;
	if (before && (wb_unit_is_up(before) || wb_unit_is_starting(before)))
		return false;
	/* Not all running units of these kinds are recorded. */
	if (!strcmp(kind, "target") || !strcmp(kind, "scope"))
		return false;
	if (is_one_of(kind, made) && !(u->fragment && *u->fragment))
		return false;
	return !u->sub || strcmp(u->sub, "exited");
}

static void add(struct wb_step *steps, size_t *n, const struct wb_unit *unit,
	const struct wb_unit *now, const char *why)
{
	steps[(*n)++] = (struct wb_step){unit, now, why};
}

int wb_replay_plan(
	const struct wb_world *before, const struct wb_world *now, struct wb_replay_plan *ret)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	CLEAN_INDEX was = {}, is = {};
	const struct wb_unit **order = NULL;
	int r = index_init(&was, before);

	if (r == 0)
		r = index_init(&is, now);
	if (r < 0)
		return r;
	order = calloc(before->n_units + 1, sizeof(*order));
	plan.start = calloc(before->n_units + 1, sizeof(*plan.start));
	plan.leave = calloc(before->n_units + 1, sizeof(*plan.leave));
	plan.added = calloc(is.n + 1, sizeof(*plan.added));
	r = order && plan.start && plan.leave && plan.added ? sort_units(before, &was, order)
							    : -ENOMEM;
	for (size_t i = 0; r == 0 && i < before->n_units; i++) {
		const struct wb_unit *u = order[i], *here = find(&is, u->name);
		const char *why;

		if (!did_run(before, u) || (here && wb_unit_is_up(here)))
			continue;
		why = why_not(u, here);
		if (why)
			add(plan.leave, &plan.n_leave, u, here, why);
		else
			add(plan.start, &plan.n_start, u, here, NULL);
	}
	free(order);
	if (r < 0)
		return r;
	for (size_t i = 0; i < is.n; i++)
		if (is_added(is.items[i], find(&was, is.items[i]->name)))
			add(plan.added, &plan.n_added, is.items[i], is.items[i], NULL);
	*ret = plan;
	plan = (struct wb_replay_plan){};
	return 0;
}

void wb_replay_plan_deinit(struct wb_replay_plan *plan)
{
	if (!plan)
		return;
	free(plan->start);
	free(plan->leave);
	free(plan->added);
	*plan = (struct wb_replay_plan){};
}

/* Did another jump, without a record of its own, lead to this boot? */
static bool is_of_another(const struct wb_record *rec, const struct wb_traces *traces)
{
	if (wb_text_same(rec->nonce, traces->handoff_nonce) ||
		wb_text_same(rec->nonce, traces->word))
		return false;
	return rec->nonce || traces->handoff_nonce;
}

bool wb_replay_due(const struct wb_units *units, const struct wb_record *rec,
	const struct wb_traces *traces, const char **ret_why)
{
	const char *why = NULL;

	if (units->replayed_boot)
		why = "it has been replayed already";
	else if (wb_text_same(units->boot_id, traces->boot_id))
		why = "the old kernel is still running";
	else if (!rec || !wb_text_same(units->boot_id, rec->boot_id) || units->time != rec->time ||
		 ((units->nonce || rec->nonce) && !wb_text_same(units->nonce, rec->nonce)))
		why = "it does not belong to the last jump on record";
	else if (rec->judged_boot && !wb_text_same(rec->judged_boot, traces->boot_id))
		why = "the boot that the jump led to has ended";
	else if (wb_judge(rec, traces).outcome != WB_OUTCOME_JUMPED || is_of_another(rec, traces))
		why = "this boot did not come from the jump";
	if (why)
		*ret_why = why;
	return !why;
}

bool wb_is_after_jump(const struct wb_record *rec, const struct wb_traces *traces)
{
	if (wb_judge(rec, traces).outcome != WB_OUTCOME_JUMPED)
		return false;
	/* The record of a jump outlives the boot that it led to. */
	return wb_jump_number(rec, traces) || traces->by_kexec ||
	       (rec && (!rec->judged_boot || wb_text_same(rec->judged_boot, traces->boot_id)));
}
