/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that read GRUB's environment block. */
#pragma once

#include "grubscript/state.h"

int wb_grub_cmd_load_env(struct wb_grub *g, const struct wb_strv *args);
int wb_grub_cmd_save_env(struct wb_grub *g, const struct wb_strv *args);
