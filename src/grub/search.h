/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command "search". */
#pragma once

#include "grubscript/state.h"

int wb_grub_cmd_search(struct wb_grub *g, const struct wb_strv *args);
int wb_grub_cmd_search_dot(struct wb_grub *g, const struct wb_strv *args);
