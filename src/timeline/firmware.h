/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long firmware and boot loader took, where systemd does not tell: EFI variables, the FPDT. */
#pragma once

#include "timeline/facts.h"

/* A time as the Boot Loader Interface has it in an EFI variable: attributes, then UTF-16. Pure. */
int wb_efi_usec(struct wb_bytes variable, uint64_t *ret);
/* firmware_us and loader_us of `ret`, which stay as they are when nothing is told. */
void wb_firmware_times(const struct wb_files *files, struct wb_user_times *ret);
