/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wishes that "warmboot timeline --apply" leaves for the boot after the next jump only. They change in which
 * order the CPU is given to units while they start, and never which of them run.
 */
#pragma once

#include "advice/advice.h"
#include "sys/sys.h"

#define WB_NEXT_BOOT "/var/lib/warmboot/next-boot.json"

/* Leave the services of list->first for the boot after the jump from this one. Negative errno with a sentence. */
int wb_next_boot_write(
	const struct wb_sys *sys, const struct wb_advice_list *list, struct wb_error *err);
/* Take it back; 1: there was something. Negative errno with a sentence. */
int wb_next_boot_drop(const struct wb_sys *sys, struct wb_error *err);
/*
 * The generator's part: write a drop-in below `early` for each of the services, if this boot follows a jump from
 * the boot in which they were left. Negative errno with a sentence.
 */
int wb_next_boot_generate(const struct wb_sys *sys, const char *early, struct wb_error *err);
