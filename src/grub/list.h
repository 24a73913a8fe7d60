/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB's menu as boot entries. */
#pragma once

#include "bls/entry.h"
#include "grubscript/item.h"

/*
 * Append the items whose bodies have run to `ret`. An item that cannot be staged adds a warning.
 * `chosen`: the default; NULL: there is none. -ENOMEM.
 */
int wb_grub_list_menu(const struct wb_grub *g, struct wb_grub_menu *menu,
	const struct wb_grub_item *chosen, struct wb_entries *ret);
