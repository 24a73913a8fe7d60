/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel parameters from the maker of a virtual machine. */
#pragma once

#include "bls/entry.h"

/* Does the running kernel's command line contain these words, one after the other? */
bool wb_words_in_force(const struct wb_files *files, const char *words);
/*
 * Append the kernel parameters in the SMBIOS string that begins with `prefix`, if any, to
 * e->cmdline. -ENOMEM.
 */
int wb_smbios_words(const struct wb_files *files, const char *prefix, struct wb_entry *e);
