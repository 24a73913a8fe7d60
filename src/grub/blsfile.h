/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The script that GRUB makes of a file of the Boot Loader Specification. */
#pragma once

#include "grubscript/state.h"

/* The values of a file: the first line of a key counts, except that every initrd counts. */
struct wb_grub_bls {
	char *title, *linux_path, *options;
	struct wb_strv initrds, args;
};

/*
 * Parse a file. GRUB stops at the first line without a value, even an empty one. Red Hat's looks
 * for a blank first and for a tab only if there is no blank. `text` is changed. -ENOMEM.
 */
int wb_grub_bls_parse(char *text, bool upstream, struct wb_grub_bls *ret);
/* Write the body of the entry; it has a kernel. *ret: to be freed, also on failure. -ENOMEM. */
int wb_grub_bls_script(struct wb_grub *g, const struct wb_grub_bls *v, bool upstream, char **ret);
void wb_grub_bls_deinit(struct wb_grub_bls *v);
