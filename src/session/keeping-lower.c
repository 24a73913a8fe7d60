// SPDX-License-Identifier: LGPL-2.1-or-later
/* Units that are only restarted because something went wrong, unless their configuration refuses that. */
#include <errno.h>

#include "keep/domain.h"
#include "keep/judge-vm.h"
#include "qemu/image.h"
#include "session/keeping-parts.h"

int wb_keeping_refuse(const struct wb_manifest_unit *u, const char *why, struct wb_error *err)
{
	return wb_fail(err, -EOPNOTSUPP,
		"%s was to be kept %s: %s; "
		"\"warmboot keep add --how=auto %s\" lets it be restarted where it must, and "
		"--no-keep keeps none",
		u->unit, wb_keep_way(u->asked)->as, why, u->unit);
}

int wb_keeping_lower(struct wb_manifest_unit *u, const char *why, struct wb_error *err)
{
	if (wb_keep_way(u->asked)->insists)
		return wb_keeping_refuse(u, why, err);
	wb_manifest_lower(u, why);
	return 0;
}

int wb_keeping_lower_all(struct wb_keeping *k, const char *why, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < k->draft.units.n; i++)
		if (wb_unit_is_checkpointed(&k->draft.units.items[i]))
			r = wb_keeping_lower(&k->draft.units.items[i], why, err);
	return r;
}

/* Bytes of memory that go through the store; 0: of another kind, or in place. */
static uint64_t stored_memory(const struct wb_manifest_unit *u)
{
	WB_CLEAN_VM_IMAGE image = {};

	if (wb_keep_way(u->how)->managed)
		return wb_domain_memory(u);
	if (u->how != WB_KEEP_VM || wb_vm_image_read(u->image, &image, NULL) < 0 || !image.stored)
		return 0;
	return (uint64_t)image.size;
}

int wb_keeping_lower_largest(struct wb_keeping *k, const char *why, struct wb_error *err)
{
	struct wb_manifest_unit *largest = NULL;
	uint64_t most = 0;
	int r;

	for (size_t i = 0; i < k->draft.units.n; i++) {
		uint64_t memory = stored_memory(&k->draft.units.items[i]);

		if (memory <= most)
			continue;
		most = memory;
		largest = &k->draft.units.items[i];
	}
	if (!largest)
		return 0;
	r = wb_keeping_lower(largest, why, err);
	k->bytes -= wb_vm_store_bytes(most) < k->bytes ? wb_vm_store_bytes(most) : k->bytes;
	return r < 0 ? r : 1;
}

/* The first of these units that a shutdown stops; NULL: all of them are kept. */
static const char *stopped_of(const struct wb_manifest *m, const struct wb_strv *bound)
{
	for (size_t i = 0; i < bound->n; i++) {
		const struct wb_manifest_unit *u = wb_manifest_find(m, bound->items[i]);

		if (!u || !wb_unit_is_checkpointed(u))
			return bound->items[i];
	}
	return NULL;
}

int wb_keeping_lower_bound(struct wb_keeping *k, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !k->now && i < k->draft.units.n; i++) {
		struct wb_manifest_unit *u = &k->draft.units.items[i];
		const char *stopped = stopped_of(&k->draft, &k->bound.items[i]);
		struct wb_error why = {};

		if (!wb_unit_is_checkpointed(u) || !stopped)
			continue;
		wb_fail(&why, 0, "a shutdown stops %s, and that stops it (Requires= or PartOf=)",
			stopped);
		r = wb_keeping_lower(u, why.text, err);
		i = (size_t)-1;
	}
	return r;
}
