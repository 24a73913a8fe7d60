/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Swap space that is readable on a disk, and core dumps of this process. */
#pragma once

#include "core/error.h"
#include "core/files.h"

/*
 * Can memory reach a disk unencrypted? 0: there is no swap space, or all of it is in memory (zram)
 * or encrypted (dm-crypt). 1: it can, or that is not known; *why says through which device.
 * Negative: -ENOMEM.
 */
int wb_swap_in_the_clear(const struct wb_files *files, struct wb_error *why);

/*
 * Keep the caller's memory out of core dumps from now on, and unreadable for processes with less
 * than root's rights. Programs that it starts inherit the limit; restored processes have limits of
 * their own.
 */
int wb_keep_memory_private(struct wb_error *err);
