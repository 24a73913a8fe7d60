/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unified kernel images that GRUB starts. */
#pragma once

#include "bls/entry.h"

/*
 * Is the file a unified kernel image that the source "uki" finds? *ret, if not NULL: its entry, to
 * be deinitialised.
 */
int wb_grub_uki(const struct wb_files *files, const char *path, bool *ret_is, struct wb_entry *ret);
