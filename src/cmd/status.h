/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of status about the units that ran before the jump (differences.c). */
#pragma once

#include <jansson.h>

#include "cmd/cmd.h"
#include "session/status.h"

/* Add "differences" to the JSON: null, perhaps with a reason, when this boot has none to report. */
void cmd_differences_json(const struct wb_sys *sys, json_t *status);
/* The same for people; nothing when there is nothing to report. */
void cmd_print_differences(const struct wb_sys *sys);
/* "UNIT", or "UNIT (user 1000)". */
void cmd_print_unit(FILE *out, int64_t uid, const char *unit);
