/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ubuntu's command "hwmatch". */
#pragma once

#include "grubscript/state.h"

int wb_grub_cmd_hwmatch(struct wb_grub *g, const struct wb_strv *args);
