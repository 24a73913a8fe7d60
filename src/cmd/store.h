/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* warmboot store: what concerns the regions that the command line sets aside (store-region.c). */
#pragma once

#include <jansson.h>

#include "cmd/cmd.h"
#include "store/region.h"

/* Its line of the status; and the same as JSON, null: there is none. */
void cmd_region_print(const struct wb_files *files, enum wb_region_use use);
json_t *cmd_region_json(const struct wb_files *files, enum wb_region_use use);
/* The verbs; as in struct cmd_row. */
int cmd_region_reserve(const struct cmd_args *args, enum wb_region_use use);
int cmd_region_mount(const struct cmd_args *args);
