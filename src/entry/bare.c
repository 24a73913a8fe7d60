// SPDX-License-Identifier: LGPL-2.1-or-later
/* The usual initrd beside a kernel of which no boot loader knows. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>

#include "entry/sources.h"

int wb_entry_guess_initrd(const struct wb_files *files, const char *version, struct wb_strv *ret)
{
	/* Debian, Fedora and Arch, openSUSE, Gentoo and others, Alpine, an image-based system. */
	static const char *const names[][2] = {
		{"/boot/initrd.img-", ""},
		{"/boot/initramfs-", ".img"},
		{"/boot/initrd-", ""},
		{"/boot/initrd-", ".img"},
		{"/boot/initramfs-", ""},
		{"/usr/lib/modules/", "/initramfs.img"},
		{"/usr/lib/modules/", "/initrd"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		WB_CLEAN_STR path = NULL;

		if (asprintf(&path, "%s%s%s", names[i][0], version, names[i][1]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (files->exists(files->ctx, path))
			return wb_strv_add(ret, path);
	}
	return 0;
}
