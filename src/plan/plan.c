// SPDX-License-Identifier: LGPL-2.1-or-later
/* The planner: finding room for segments, and checking that they do not overlap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "plan/plan.h"
#include "plan/span.h"

#define PAGE 4096ull

void wb_machine_deinit(struct wb_machine *m)
{
	if (!m)
		return;
	wb_ranges_deinit(&m->memory);
	wb_ranges_deinit(&m->avoid);
	wb_ranges_deinit(&m->crash);
	wb_blob_deinit(&m->boot_data);
	wb_blob_deinit(&m->dtb);
	free(m->efi_map);
	*m = (struct wb_machine){};
}

/*
 * Collect whole pages of RAM that firmware and the running kernel leave free, within the wished
 * bounds.
 */
static int free_memory(
	const struct wb_machine *m, const struct wb_plan_wish *wish, struct wb_ranges *ret)
{
	const struct wb_target *target = wb_target(wish->target);
	const struct wb_ranges *within = target->within(m), *without = target->without(m);
	WB_CLEAN_RANGES out = {};
	int r = 0;

	for (size_t i = 0; i < within->n && r == 0; i++) {
		const struct wb_range *it = &within->items[i];
		uint64_t lo = wb_align_up(it->start, PAGE);
		uint64_t hi = wb_align_down(it->start + it->size, PAGE);

		if (lo < m->arch->lowest)
			lo = m->arch->lowest;
		if (lo < wish->mem_min)
			lo = wb_align_up(wish->mem_min, PAGE);
		if (wish->mem_max && hi && hi - 1 > wish->mem_max)
			hi = wb_align_down(wish->mem_max + 1, PAGE);
		if (it->type == WB_MEMORY_RAM && hi > lo)
			r = wb_ranges_set(&out, lo, hi - lo, WB_MEMORY_RAM);
	}
	for (size_t i = 0; i < without->n && r == 0; i++) {
		const struct wb_range *it = &without->items[i];
		uint64_t lo = wb_align_down(it->start, PAGE);

		r = wb_ranges_remove(&out, lo, wb_align_up(it->start + it->size, PAGE) - lo);
	}
	if (r < 0)
		return r;
	*ret = out;
	out = (struct wb_ranges){};
	return 0;
}

int wb_plan_take(
	struct wb_plan *plan, uint64_t at, uint64_t size, const char *what, struct wb_error *err)
{
	int r = wb_ranges_remove(&plan->free, at, wb_align_up(size, PAGE));

	return r < 0 ? wb_fail(err, r, "cannot reserve memory at %#llx for the %s",
			       (unsigned long long)at, what)
		     : 0;
}

int wb_plan_no_room(const struct wb_plan *plan, const struct wb_fit *want, const char *what,
	struct wb_error *err)
{
	static const char *const advice[] = {
		"use a smaller initrd, unload the crash kernel or give the machine more memory",
		"lower --mem-min",
		"raise --mem-max",
		"lower --mem-min or raise --mem-max",
	};
	const bool low = plan->mem_min > want->min;
	const bool high = plan->mem_max && plan->mem_max < want->max;

	return wb_fail(err, -ENOSPC,
		"too little memory: no free range of %llu KiB for the %s between %#llx and %#llx; "
		"%s",
		(unsigned long long)(want->size >> 10), what,
		(unsigned long long)(low ? plan->mem_min : want->min),
		(unsigned long long)(high ? plan->mem_max : want->max), advice[low + 2 * high]);
}

int wb_plan_place(struct wb_plan *plan, struct wb_fit want, const char *what, uint64_t *ret_at,
	struct wb_error *err)
{
	uint64_t at;
	int r;

	want.type = WB_MEMORY_RAM;
	want.size = wb_align_up(want.size, PAGE);
	if (want.align < PAGE)
		want.align = PAGE;
	r = wb_ranges_fit(&plan->free, &want, &at);
	if (r < 0)
		return wb_plan_no_room(plan, &want, what, err);
	r = wb_plan_take(plan, at, want.size, what, err);
	if (r < 0)
		return r;
	*ret_at = at;
	return 0;
}

static bool is_rewritten(const struct wb_plan *plan, const char *name)
{
	for (const char *const *it = plan->rewritten; it && *it; it++)
		if (!strcmp(*it, name))
			return true;
	return false;
}

int wb_plan_add(struct wb_plan *plan, const char *name, const uint8_t *buf, size_t bufsz,
	uint64_t mem, size_t memsz, size_t verify, struct wb_error *err)
{
	if (plan->n == WB_PLAN_SEGMENTS)
		return wb_fail(err, -EOPNOTSUPP, "the image needs more than %d segments",
			WB_PLAN_SEGMENTS);
	plan->segments[plan->n++] = (struct wb_plan_segment){
		.name = name,
		.buf = buf,
		.bufsz = bufsz,
		.mem = mem,
		.memsz = wb_align_up(memsz, PAGE),
		.verify = is_rewritten(plan, name) ? 0 : verify,
	};
	return 0;
}

/* Check for overlaps here, since kexec_load() refuses them with just EINVAL. */
static int check_overlaps(const struct wb_plan *plan, struct wb_error *err)
{
	for (size_t i = 0; i < plan->n; i++)
		for (size_t k = i + 1; k < plan->n; k++) {
			const struct wb_plan_segment *a = &plan->segments[i],
						     *b = &plan->segments[k];

			if (a->mem < b->mem + b->memsz && b->mem < a->mem + a->memsz)
				return wb_fail(err, -EBADMSG,
					"segments \"%s\" at %#llx and \"%s\" at %#llx overlap",
					a->name, (unsigned long long)a->mem, b->name,
					(unsigned long long)b->mem);
		}
	return 0;
}

/* The guests' memory is one range that the next kernel leaves alone. */
static int map_guests(const struct wb_plan_wish *wish, struct wb_ranges *memory,
	struct wb_handoff *handoff, struct wb_error *err)
{
	uint64_t start, size;
	int r = wb_span_of(memory, wish->guests, wish->n_guests, &start, &size, err);

	if (r < 0)
		return r;
	handoff->guests_start = start;
	handoff->guests_size = size;
	if (size && wb_ranges_set(memory, start, size, WB_MEMORY_ASIDE) < 0)
		return wb_fail(err, -ENOMEM, "out of memory while planning");
	return 0;
}

/*
 * Make the map for the next kernel: the store in it is persistent memory. A piece of the store within the guests' span
 * needs no entry of its own, which would split the span.
 */
static int map_store(
	const struct wb_plan_wish *wish, struct wb_ranges *memory, struct wb_error *err)
{
	for (size_t i = 0; i < wish->n_store; i++) {
		const struct wb_handoff_range *it = &wish->store[i];
		int r;

		if (wb_ranges_type(memory, it->start, it->size, WB_MEMORY_ASIDE))
			continue;
		if (!wb_ranges_type(memory, it->start, it->size, WB_MEMORY_RAM))
			return wb_fail(err, -EINVAL,
				"the store's memory at %#llx is no RAM in the firmware's map, or "
				"is "
				"in the store twice",
				(unsigned long long)it->start);
		r = wb_ranges_set(memory, it->start, it->size, WB_MEMORY_PERSISTENT);
		if (r < 0)
			return wb_fail(err, r, "out of memory while planning");
	}
	return 0;
}

static int plan_with(const struct wb_machine *machine, const struct wb_plan_wish *wish,
	struct wb_plan *plan, struct wb_error *err)
{
	const struct wb_target *target = wb_target(wish->target);
	struct wb_machine next = *machine; /* borrows everything except the map */
	struct wb_plan_wish with = *wish;
	WB_CLEAN_RANGES memory = {};
	int r = wb_ranges_copy(&machine->memory, &memory);

	if (r < 0)
		return wb_fail(err, r, "out of memory while planning");
	plan->kexec_flags = machine->arch->kexec_flag | wb_target_flags(target, machine);
	plan->rewritten = wb_target_rewritten(target, machine);
	r = wb_target_map(target, machine, machine->arch->lowest, &memory, err);
	if (r == 0)
		r = map_guests(wish, &memory, &with.handoff, err);
	if (r == 0)
		r = map_store(wish, &memory, err);
	next.memory = memory;
	if (r == 0 && free_memory(&next, wish, &plan->free) < 0)
		r = wb_fail(err, -ENOMEM, "out of memory while planning");
	if (r == 0)
		r = machine->arch->plan(&next, &with, plan, err);
	return r;
}

int wb_plan_make(const struct wb_machine *machine, const struct wb_plan_wish *wish,
	struct wb_plan *ret, struct wb_error *err)
{
	struct wb_plan plan = {.mem_min = wish->mem_min, .mem_max = wish->mem_max};
	int r;

	if (machine->arch->id != wish->image->arch)
		return wb_fail(err, -EOPNOTSUPP,
			"the kernel is for another machine than this one; give one for %s",
			machine->arch->name);
	r = plan_with(machine, wish, &plan, err);
	if (r == 0)
		r = check_overlaps(&plan, err);
	if (r < 0) {
		wb_plan_deinit(&plan);
		return r;
	}
	*ret = plan;
	return 0;
}

void wb_plan_deinit(struct wb_plan *plan)
{
	if (!plan)
		return;
	wb_ranges_deinit(&plan->free);
	wb_blob_deinit(&plan->params);
	wb_blob_deinit(&plan->purgatory);
	*plan = (struct wb_plan){};
}
