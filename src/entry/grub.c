// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where GRUB's configuration lies. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry/internal.h"

char *wb_grub_config(const struct wb_files *files)
{
	/* Debian and Ubuntu, Arch, NixOS; Fedora, RHEL, openSUSE. */
	static const char *const usual[] = {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"};
	WB_CLEAN_STRV vendors = {};
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if (files->exists(files->ctx, usual[i]))
			return strdup(usual[i]);
	/* Before Fedora 34 and RHEL 9 the whole configuration lay on the ESP of EFI machines. */
	if (files->list(files->ctx, "/boot/efi/EFI", &vendors, &err) < 0)
		return NULL;
	for (size_t i = 0; i < vendors.n; i++) {
		char *path;

		if (asprintf(&path, "/boot/efi/EFI/%s/grub.cfg", vendors.items[i]) < 0)
			return NULL;
		if (files->exists(files->ctx, path))
			return path;
		free(path);
	}
	return NULL;
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	return 0;
}

const struct wb_entry_source wb_source_grub = {"grub", find};
