/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Variables of the boot loader interface and of the firmware. */
#pragma once

#include <stdbool.h>

#include "core/files.h"

/*
 * A variable of the boot loader interface (systemd.io/BOOT_LOADER_INTERFACE) as UTF-8.
 * -ENOENT absent, -EBADMSG, -ENOMEM. *ret to be freed.
 */
int wb_loader_variable(const struct wb_files *files, const char *name, char **ret);
/* A variable of the boot loader interface that holds several texts, each with its NUL. */
int wb_loader_list(const struct wb_files *files, const char *name, struct wb_strv *ret);
/* Path of such a variable in efivarfs, to be freed; NULL out of memory. */
char *wb_loader_path(const char *name);
/* Does the firmware run signed programs only? */
bool wb_secure_boot(const struct wb_files *files);
/*
 * Can the firmware be told to show its own menu (EFI_OS_INDICATIONS_BOOT_TO_FW_UI)? 0: yes, 1: no,
 * -1: unknown.
 */
int wb_firmware_menu_status(const struct wb_files *files);
/* Does BootNext name another program than the one that the firmware started last? */
bool wb_boots_other_next(const struct wb_files *files);
/*
 * The version of the systemd-boot that was started last; 0: another program, or unknown. -ENOMEM.
 */
int wb_sdboot_version(const struct wb_files *files, bool *ret_is, unsigned int *ret_version);
