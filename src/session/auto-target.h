/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel that a plain reboot would boot now, and a fingerprint of all files that staging it reads. */
#pragma once

#include "sys/sys.h"

struct wb_auto_target {
	char *entry, *kernel, *release; /* owned; release NULL: not known */
	char print[65];                 /* differs as soon as any of the files was changed */
};

void wb_auto_target_deinit(struct wb_auto_target *target);
#define WB_CLEAN_AUTO_TARGET __attribute__((cleanup(wb_auto_target_deinit))) struct wb_auto_target

/*
 * Errors of wb_entries_choose(); -EOPNOTSUPP: staging the entry would lack something that the boot loader provides;
 * -ENOENT: one of its files is gone. Each with a sentence.
 */
int wb_auto_target_find(const struct wb_sys *sys, struct wb_auto_target *ret, struct wb_error *err);
/*
 * Does somebody ask the firmware or the boot loader for something at the next boot: their setup, a menu, an update,
 * another entry than the default? *ret: a sentence, static. A jump would pass over it.
 */
bool wb_auto_firmware_is_asked(const struct wb_files *files, const char **ret);
