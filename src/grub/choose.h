/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The item of a menu that GRUB would start. */
#pragma once

#include "grubscript/item.h"

/*
 * The item that `spec` chooses; the first one if it names none. NULL: an empty menu, or not known.
 */
const struct wb_grub_item *wb_grub_choose(
	const struct wb_grub_menu *menu, const char *spec, enum wb_grub_flavour flavour);
/* The part behind the first single ">". */
const char *wb_grub_rest_of(const char *spec);
