/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB without a configuration, and the variables that it obeys. */
#pragma once

#include "grubscript/item.h"

/* The ESP with the entries; NULL: none. */
const char *wb_grub_bare_esp(const struct wb_files *files);
/*
 * For GRUB with a configuration: do the variables of the boot loader interface name another entry?
 */
int wb_grub_check_variables(struct wb_grub *g, const struct wb_grub_item *chosen);
/* Set $default as GRUB without a configuration does; `info` is LoaderInfo. */
int wb_grub_add_default(struct wb_grub *g, const char *esp, const char *info);
