/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The menu of systemd-boot: its order and its default. */
#pragma once

#include "bls/entry.h"

/*
 * Sort as systemd-boot does and, if it is in charge, mark the entry that it would boot: by the
 * one-shot, preferred and default settings of EFI variables and loader.conf. -ENOMEM.
 */
int wb_sdboot_settle(const struct wb_files *files, bool in_charge, struct wb_entries *all);
/*
 * Move `e` to the list as an entry of systemd-boot's menu, and warn of its problems. Its ids in the
 * menu are `file`, and its own id with `suffix`. `e` becomes empty. -ENOMEM.
 */
int wb_menu_add(const char *path, const char *file, const char *suffix, struct wb_entry *e,
	struct wb_entries *ret);
