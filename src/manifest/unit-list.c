// SPDX-License-Identifier: LGPL-2.1-or-later
/* Lists of borrowed units. */
#include <errno.h>
#include <stdlib.h>

#include "core/list.h"
#include "manifest/manifest.h"
#include "manifest/unit-list.h"

void wb_unit_list_deinit(struct wb_unit_list *units)
{
	free(units->items);
	*units = (struct wb_unit_list){};
}

int wb_unit_list_add(struct wb_unit_list *units, const struct wb_manifest_unit *u)
{
	const struct wb_manifest_unit **slot = wb_list_add(units, sizeof(const void *));

	if (!slot)
		return -ENOMEM;
	*slot = u;
	return 0;
}

int wb_unit_list_select(const struct wb_manifest *m, bool (*is)(const struct wb_manifest_unit *u),
	struct wb_unit_list *ret)
{
	WB_CLEAN_UNIT_LIST some = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->units.n; i++)
		if (!is || is(&m->units.items[i]))
			r = wb_unit_list_add(&some, &m->units.items[i]);
	if (r < 0)
		return r;
	*ret = some;
	some = (struct wb_unit_list){};
	return 0;
}

int wb_held_add(struct wb_held *held, const struct wb_manifest_unit *u)
{
	bool kept = wb_keep_way(u->how)->hold == WB_HOLD_KEPT;

	return wb_ends_list_add(kept ? &held->kept : &held->restart, &u->ends);
}

int wb_held_add_all(struct wb_held *held, const struct wb_unit_list *units)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < units->n; i++)
		r = wb_held_add(held, units->items[i]);
	return r;
}

int wb_held_of(const struct wb_manifest *m, struct wb_held *ret)
{
	WB_CLEAN_HELD held = {};
	WB_CLEAN_UNIT_LIST all = {};

	if (wb_unit_list_select(m, NULL, &all) < 0 || wb_held_add_all(&held, &all) < 0)
		return -ENOMEM;
	*ret = held;
	held = (struct wb_held){};
	return 0;
}
