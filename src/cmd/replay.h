/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ran before a jump, for the commands that tell of it or lead to one. */
#pragma once

#include <jansson.h>

#include "jump/record.h"
#include "sys/sys.h"

/*
 * Record what runs, for the jump that was just put on record. That it cannot be done is told on
 * standard error and holds nothing up.
 */
void cmd_record_units(const struct wb_sys *sys);
/* The value of "differences" in status --json: null when this boot has none to tell. */
json_t *cmd_differences_json(const struct wb_sys *sys);
/* The same for people; nothing when there is nothing to tell. */
void cmd_print_differences(const struct wb_sys *sys);
