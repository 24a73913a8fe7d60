/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries that GRUB makes from files. */
#pragma once

#include "grubscript/state.h"

int wb_grub_cmd_blscfg(struct wb_grub *g, const struct wb_strv *args);
int wb_grub_cmd_uki(struct wb_grub *g, const struct wb_strv *args);
/* Run the script that Red Hat's or upstream's blscfg makes of the entries in a known directory. */
int wb_grub_bls_dir(struct wb_grub *g, const char *dir, bool upstream);
