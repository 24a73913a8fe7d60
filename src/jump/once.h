/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One-shot settings of boot loaders: a boot clears them, and so does a jump in place of that boot.
 * systemd-boot deletes the variable LoaderEntryOneShot as soon as it has read it (systemd's
 * src/boot/boot.c, config_load_defaults()); GRUB's grub.cfg empties next_entry (grub-reboot(8)).
 */
#pragma once

#include "core/bytes.h"
#include "core/error.h"
#include "sys/sys.h"

struct wb_once {
	char *path; /* NULL: nothing was cleared */
	struct wb_blob before;
};

/*
 * Clear a setting: a variable in efivarfs is removed, in a GRUB environment block next_entry is
 * emptied. 0 (also if it is clear already), or negative errno with a sentence, nothing changed.
 */
int wb_once_consume(
	const struct wb_sys *sys, const char *path, struct wb_once *ret, struct wb_error *err);
/* Restore the setting, because the jump did not happen. 0 or negative errno. */
int wb_once_restore(const struct wb_sys *sys, const struct wb_once *once);
void wb_once_deinit(struct wb_once *once);

#define WB_CLEAN_ONCE __attribute__((cleanup(wb_once_deinit))) struct wb_once

/*
 * A block of the same size with an empty next_entry; *ret stays empty if it was empty. -EBADMSG no
 * such block, -ENOMEM. Pure.
 */
int wb_once_clear_block(struct wb_bytes in, struct wb_blob *ret);
