/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "core/error.h"
#include "sys/sys.h"

/* One object for each unit that was to be kept over the last jump; [] none. nonce: of that, or NULL. */
json_t *cmd_status_kept_json(const struct wb_files *files, const char *nonce);
/* The same for people: a line for each, nothing when there is none. */
void cmd_status_kept_print(const struct wb_files *files, const char *nonce);
/* Those that ended by themselves before the jump to this boot. -ENOMEM. */
int cmd_status_kept_ended(const struct wb_files *files, struct wb_strv *ret);
/* Copy it to where it outlives this boot. */
int cmd_status_kept_record(const struct wb_sys *sys, struct wb_error *err);
