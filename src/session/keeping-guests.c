// SPDX-License-Identifier: LGPL-2.1-or-later
/* The memory of virtual machines, for which the next kernel is loaded. */
#include <errno.h>
#include <stdlib.h>

#include "core/text.h"
#include "keep/ahead.h"
#include "keep/judge-vm.h"
#include "plan/span.h"
#include "qemu/image.h"
#include "session/keeping-parts.h"
#include "store/region.h"
#include "sys/machine.h"

static int add_runs(struct wb_keeping *k, const wb_guest_runs *runs, struct wb_error *err)
{
	for (size_t i = 0; i < runs->n; i++) {
		const struct wb_guest_run *run = &runs->items[i];
		struct wb_manifest_piece *piece = wb_list_add(&k->draft.guests, sizeof(*piece));

		if (!piece)
			return wb_oom(err);
		*piece = (struct wb_manifest_piece){run->start, run->size};
	}
	return 0;
}

/* One whose memory stays where it is. */
static bool is_guest(const struct wb_manifest_unit *u)
{
	return u->how == WB_KEEP_VM && json_array_size(json_object_get(u->image, "runs"));
}

/* The pieces of all guests but this one; NULL: of all. */
static int collect(struct wb_keeping *k, const struct wb_manifest_unit *but, struct wb_error *err)
{
	int r = 0;

	k->draft.guests.n = k->n_guests = 0;
	free(k->guests);
	for (size_t i = 0; r == 0 && i < k->draft.units.n; i++) {
		WB_CLEAN_VM_IMAGE image = {};

		if (!is_guest(&k->draft.units.items[i]) || &k->draft.units.items[i] == but)
			continue;
		r = wb_vm_image_read(k->draft.units.items[i].image, &image, err);
		if (r == 0)
			r = add_runs(k, &image.runs, err);
	}
	k->guests = calloc(k->draft.guests.n + 1, sizeof(*k->guests));
	if (!k->guests)
		return wb_oom(err);
	for (size_t i = 0; i < k->draft.guests.n; i++)
		k->guests[i] = (struct wb_handoff_range){(uint64_t)k->draft.guests.items[i].start,
			(uint64_t)k->draft.guests.items[i].size};
	k->n_guests = k->draft.guests.n;
	return r;
}

static int lower_guests(struct wb_keeping *k, const char *why, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < k->draft.units.n; i++)
		if (is_guest(&k->draft.units.items[i]))
			r = wb_keeping_lower(&k->draft.units.items[i], why, err);
	free(k->draft.guests.items);
	k->draft.guests.items = NULL;
	k->draft.guests.n = k->n_guests = 0;
	return r;
}

/* The next kernel takes the span for one piece, so it cannot have a region within that the command line sets aside. */
static int check_regions(
	const struct wb_files *files, uint64_t start, uint64_t size, struct wb_error *err)
{
	struct wb_store_region region;

	for (size_t i = 0; wb_store_region_running(files, i, &region); i++)
		if (region.start < start + size && start < region.start + region.size)
			return wb_fail(err, -EOPNOTSUPP,
				"the guests' memory lies on both sides of the region at %#llx that "
				"the command line sets aside",
				(unsigned long long)region.start);
	return 0;
}

/* Can a load leave these pieces alone? -EOPNOTSUPP with a sentence: none can. */
static int check_pieces(const struct wb_session_host *h, const struct wb_handoff_range *pieces,
	size_t n, bool by_file, struct wb_error *err)
{
	WB_CLEAN_MACHINE machine = {};
	uint64_t start, size;
	int r = wb_machine_read(h->sys->files, &machine, err);

	if (r < 0)
		return r;
	if (by_file)
		return wb_fail(err, -EOPNOTSUPP,
			"kexec_file_load(2) might write over its memory; use the method \"fast\" "
			"or \"segments\"");
	r = wb_span_of(&machine.memory, pieces, n, &start, &size, err);
	return r == 0 ? check_regions(h->sys->files, start, size, err) : r;
}

int wb_keeping_guests(const struct wb_session_host *h, struct wb_keeping *k,
	struct wb_load_options *options, struct wb_error *err)
{
	struct wb_error why = {};
	int r = collect(k, NULL, err);

	if (r < 0 || !k->n_guests)
		return r;
	r = check_pieces(h, k->guests, k->n_guests, options->method == WB_METHOD_FILE, &why);
	if (r == -EOPNOTSUPP || r == -EINVAL)
		return lower_guests(k, why.text, err);
	if (r < 0) {
		*err = why;
		return r;
	}
	options->guests = k->guests;
	options->n_guests = k->n_guests;
	return 0;
}

/* ---- guests for which there is no span ---- */

/* Is there a span for all guests but this one? NULL: for all. */
static int try_without(const struct wb_session_host *h, struct wb_keeping *k,
	const struct wb_manifest_unit *but, bool by_file, struct wb_error *why)
{
	int r = collect(k, but, why);

	return r < 0 || !k->n_guests ? r : check_pieces(h, k->guests, k->n_guests, by_file, why);
}

static int64_t size_of(const struct wb_manifest_unit *u)
{
	return json_integer_value(json_object_get(u->image, "size"));
}

/* The smallest without which there is a span for the others; else the smallest of all. */
static struct wb_manifest_unit *choose(
	const struct wb_session_host *h, struct wb_keeping *k, bool by_file)
{
	struct wb_manifest_unit *smallest = NULL, *best = NULL;

	for (size_t i = 0; i < k->draft.units.n; i++) {
		struct wb_manifest_unit *u = &k->draft.units.items[i];
		struct wb_error why = {};

		if (!is_guest(u))
			continue;
		if (!smallest || size_of(u) < size_of(smallest))
			smallest = u;
		if ((!best || size_of(u) < size_of(best)) &&
			try_without(h, k, u, by_file, &why) == 0)
			best = u;
	}
	return best ? best : smallest;
}

/* Its memory goes through the store, for which there may be too little room later on. */
static int through_store(const struct wb_session_host *h, struct wb_keeping *k,
	struct wb_manifest_unit *u, const char *why, struct wb_error *err)
{
	WB_CLEAN_VM_IMAGE image = {};
	struct wb_error local = {};
	int r = wb_vm_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	r = wb_vm_move(&image, why, &local);
	if (r == -EOPNOTSUPP)
		return wb_keeping_lower(u, local.text, err);
	if (r < 0 || wb_manifest_set_image(u, wb_vm_image_write(&image)) < 0)
		return wb_oom(err);
	wb_keeping_need(k, u, wb_vm_store_bytes((uint64_t)image.size));
	wb_ahead_choose(u, wb_vm_store_bytes((uint64_t)image.size));
	free(u->why);
	u->why = wb_plain_copy(local.text);
	wb_tell_warning(h, "%s: %s", wb_chosen_name(u), local.text);
	return 0;
}

int wb_keeping_place(
	const struct wb_session_host *h, struct wb_keeping *k, bool by_file, struct wb_error *err)
{
	struct wb_error why = {};
	int r;

	while ((r = try_without(h, k, NULL, by_file, &why)) == -EOPNOTSUPP || r == -EINVAL) {
		struct wb_manifest_unit *u = choose(h, k, by_file);

		r = through_store(h, k, u, why.text, err);
		if (r < 0)
			return r;
		why = (struct wb_error){};
	}
	k->draft.guests.n = k->n_guests = 0;
	/* A user who may not read where memory is gets the reason when the kernel is to be loaded. */
	return r == -ENOMEM ? wb_oom(err) : 0;
}
