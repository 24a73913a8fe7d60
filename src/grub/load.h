/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that load a kernel. */
#pragma once

#include "grubscript/state.h"

int wb_grub_cmd_linux(struct wb_grub *g, const struct wb_strv *args);
int wb_grub_cmd_initrd(struct wb_grub *g, const struct wb_strv *args);
int wb_grub_cmd_chainloader(struct wb_grub *g, const struct wb_strv *args);
