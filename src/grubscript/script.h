/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a script. */
#pragma once

#include "grubscript/state.h"

/* Run a text that outlives `g`. 0 or -ENOMEM; other errors become warnings. */
int wb_grub_run(struct wb_grub *g, struct wb_grub_text text);
