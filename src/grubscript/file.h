/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a script that is a file. */
#pragma once

#include "grubscript/state.h"

/*
 * Read a file (its path as the running system sees it) and run it. 0 or -ENOMEM; other errors
 * become warnings.
 */
int wb_grub_run_file(struct wb_grub *g, const char *path);
