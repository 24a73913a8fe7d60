/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of status: the units that ran before the jump (differences.c), the last guarded jump (trial.c). */
#pragma once

#include <jansson.h>

#include "cmd/cmd.h"
#include "session/status.h"

/* Add "differences" to the JSON: null, perhaps with a reason, when this boot has none to report. */
void cmd_differences_json(const struct wb_sys *sys, json_t *status);
/* The same for people; nothing when there is nothing to report. */
void cmd_print_differences(const struct wb_sys *sys);
/* The object of the last trial, or null. */
json_t *cmd_trial_json(const struct wb_trial *trial, bool have);
/* The same for people. */
void cmd_print_trial(const struct wb_trial *trial);
/* RFC 3339, UTC; "" for 0. */
const char *cmd_time_text(int64_t seconds, char ret[32]);
/* "UNIT", or "UNIT (user 1000)". */
void cmd_print_unit(FILE *out, int64_t uid, const char *unit);
