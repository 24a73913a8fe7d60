/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of systemd-stub. */
#pragma once

#include "bls/dirs.h"
#include "bls/pe.h"

/*
 * Fill in the parts of an entry as systemd-stub would for the image at e->kernel: e->cmdline,
 * addons, lacks and cannot. For a stub without a kernel, the files that it names are filled in.
 * options: the boot loader's arguments, or NULL. -ENOMEM.
 */
int wb_stub_fill(const struct wb_files *files, const struct wb_boot_dirs *dirs, const char *mount,
	const struct wb_uki *uki, const char *options, struct wb_entry *e);
