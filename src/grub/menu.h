/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the bodies of a menu. */
#pragma once

#include "grubscript/item.h"

/*
 * Run the bodies of all entries and submenus; each item then knows what it loads. *ret_chosen: the
 * item that GRUB would start, set only if it is known. -ENOMEM.
 */
int wb_grub_run_menu(
	struct wb_grub *g, struct wb_grub_menu *menu, const struct wb_grub_item **ret_chosen);
