/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sources of entries outside of any boot loader, and facts about all entries. */
#pragma once

#include "bls/entry.h"

extern const struct wb_entry_source wb_source_boot, wb_source_modules;

/* Add the initrds that usually go with a bare kernel called `version`, if they exist. -ENOMEM. */
int wb_entry_guess_initrd(const struct wb_files *files, const char *version, struct wb_strv *ret);

/*
 * Set other_root, by comparing "root=" and "rootflags=" with the running kernel's, or with the
 * default entry's if those are unknown. -ENOMEM.
 */
int wb_entries_note_roots(const struct wb_files *files, struct wb_entries *all);
