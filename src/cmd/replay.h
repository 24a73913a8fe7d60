/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ran before a jump, for the commands that tell of it or lead to one. */
#pragma once

#include <jansson.h>

#include "core/bytes.h"
#include "jump/record.h"
#include "sys/sys.h"

/*
 * Record what runs, for the jump that was just put on record; wb_replay_record_first(), with its
 * warnings on standard error.
 */
int cmd_record_units(const struct wb_sys *sys, struct wb_blob *ret_before, struct wb_error *err);
/* The jump was refused after that. */
void cmd_take_back_units(const struct wb_sys *sys, const struct wb_blob *before);
/* Add "differences" to status --json: null when this boot has none to tell, with the reason if any. */
void cmd_differences_json(const struct wb_sys *sys, json_t *status);
/* The same for people; nothing when there is nothing to tell. */
void cmd_print_differences(const struct wb_sys *sys);
