/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB's configuration on this machine, and the variant of GRUB. */
#pragma once

#include "grubscript/state.h"

struct wb_grub_start {
	char *path;     /* of the configuration; NULL: there is none */
	char *fallback; /* the usual one, for the case that `path` shows no menu; or NULL */
	bool is_efi;
	const char *unsure; /* part of a sentence: why it is in doubt, or NULL */
};
/* -ENOMEM. */
int wb_grub_start(const struct wb_files *files, struct wb_grub_start *ret);
enum wb_grub_flavour wb_grub_flavour(const struct wb_files *files, const char *config);
/* Path of the grub.cfg that GRUB reads here, to be freed; NULL when there is none. */
char *wb_grub_config(const struct wb_files *files);
