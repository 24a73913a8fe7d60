/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "cmd/keeping.h"
#include "sys/quiesce.h"
#include "sys/sys.h"

/*
 * Put the jump on record and make it, at once or through the init system. 0: it is under way.
 * Negative errno: it was refused, nothing was stopped and the record is as it was; -ESHUTDOWN:
 * everything was stopped, but the kernel refused to jump. keeping: what --now must freeze first, or
 * NULL.
 */
int cmd_jump(const struct wb_sys *sys, const struct wb_quiesce *quiesce, bool now,
	bool ignore_inhibitors, struct cmd_keeping *keeping, struct wb_error *err);
/*
 * Put a jump that another program asked for on record, if that can be done at all: so the boot that
 * follows knows whether it came of it. Does nothing where cmd_jump() has.
 */
void cmd_record_jump_of_others(const struct wb_sys *sys);
