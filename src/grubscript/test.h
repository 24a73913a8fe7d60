/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands "[" and "test". */
#pragma once

#include "grubscript/state.h"

/* A command, as in struct wb_grub_command. */
int wb_grub_cmd_test(struct wb_grub *g, const struct wb_strv *args);
