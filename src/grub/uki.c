// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unified kernel images that GRUB starts: their entries are those of the source "uki". */
#include <errno.h>
#include <string.h>

#include "bls/sources.h"
#include "grub/uki.h"

int wb_grub_uki(const struct wb_files *files, const char *path, bool *ret_is, struct wb_entry *ret)
{
	WB_CLEAN_ENTRIES all = {};
	struct wb_error ignored = {};
	int r = wb_source_uki.find(files, &all, &ignored);

	if (r < 0)
		return r;
	*ret_is = false;
	for (size_t i = 0; i < all.n && !*ret_is; i++) {
		/* Without a profile, GRUB starts the first one. */
		if (strcmp(all.items[i].kernel, path) != 0 || all.items[i].profile)
			continue;
		*ret_is = true;
		if (!ret)
			continue;
		*ret = all.items[i];
		all.items[i] = (struct wb_entry){};
	}
	return 0;
}
