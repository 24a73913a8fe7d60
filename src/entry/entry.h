/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Boot entries: the list that a boot loader would offer on this machine, found without running it,
 * and the choice of one of them.
 */
#pragma once

#include "bls/entry.h"

/*
 * Run all sources, those of the boot loader in charge first; only its default is marked. In charge
 * is the boot loader that the EFI variable LoaderInfo names (systemd-boot and GRUB >= 2.12 set it);
 * otherwise GRUB, if it has a configuration; otherwise one that reads loader/entries. Entries of
 * the bare sources ("boot", "modules") are no default: nothing says what the firmware would start.
 * -ENOMEM.
 */
int wb_entries_find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err);

/*
 * Choose by id (with or without "grub:", ".conf"), title, kernel release, path of the kernel,
 * "default" or "newest". If several fit, the default wins, then the only one that is neither a
 * recovery entry nor one with another root than the running system's. Entries that boot exactly the
 * same count as one. -ENOENT nothing fits; -ENOTUNIQ several do: the sentence lists the candidates.
 * *ret points into `all`.
 */
int wb_entries_choose(const struct wb_entries *all, const char *what, const struct wb_entry **ret,
	struct wb_error *err);
