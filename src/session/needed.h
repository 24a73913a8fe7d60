/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does this machine need another kernel or a reboot? */
#pragma once

#include "core/error.h"
#include "core/strv.h"
#include "sys/sys.h"

/* Debian's packages make it, and list themselves in the second one. */
#define WB_REBOOT_REQUIRED "/run/reboot-required"
#define WB_REBOOT_PACKAGES "/run/reboot-required.pkgs"

struct wb_needed {
	char *running; /* release of the kernel that runs */
	char *waiting; /* release of a newer one that a plain reboot would boot; NULL: none */
	bool required; /* WB_REBOOT_REQUIRED is there */
	struct wb_strv packages; /* that ask for it */
};

void wb_needed_deinit(struct wb_needed *needed);
#define WB_CLEAN_NEEDED __attribute__((cleanup(wb_needed_deinit))) struct wb_needed

/*
 * A kernel waits if the entry that a plain reboot would boot has another release than the running one, and a newer
 * one. An entry whose release is not known counts as none. Errors of reading, and of wb_entries_choose() unless a
 * package asks, with a sentence.
 */
int wb_needed_find(const struct wb_sys *sys, struct wb_needed *ret, struct wb_error *err);
