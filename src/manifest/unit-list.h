/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of some units of a manifest. The caller owns the list; the units are borrowed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/hold.h"

struct wb_manifest;
struct wb_manifest_unit;

struct wb_unit_list {
	const struct wb_manifest_unit **items;
	size_t n;
};

void wb_unit_list_deinit(struct wb_unit_list *units);
#define WB_CLEAN_UNIT_LIST __attribute__((cleanup(wb_unit_list_deinit))) struct wb_unit_list

/* -ENOMEM. */
int wb_unit_list_add(struct wb_unit_list *units, const struct wb_manifest_unit *u);
/* Those units of the manifest, in its order, for which `is` is true (NULL: all). -ENOMEM. */
int wb_unit_list_select(const struct wb_manifest *m, bool (*is)(const struct wb_manifest_unit *u),
	struct wb_unit_list *ret);

/*
 * Add the ports and connections of a unit, of a list or of a whole manifest to the kind of packet hold that
 * each unit's way of keeping has. -ENOMEM.
 */
int wb_held_add(struct wb_held *held, const struct wb_manifest_unit *u);
int wb_held_add_all(struct wb_held *held, const struct wb_unit_list *units);
int wb_held_of(const struct wb_manifest *m, struct wb_held *ret);
