/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Times of firmware and boot loader for the case that systemd does not report them: EFI variables,
 * the FPDT.
 */
#pragma once

#include "timeline/facts.h"

/* Parse a time of the Boot Loader Interface in an EFI variable: attributes, then UTF-16. Pure. */
int wb_efi_usec(struct wb_bytes variable, uint64_t *ret);
/* Set firmware_us and loader_us of `ret`; unknown ones stay unchanged. */
void wb_firmware_times(const struct wb_files *files, struct wb_user_times *ret);
