/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Readers that the rows of several machines share. */
#pragma once

#include "core/files.h"
#include "plan/machine.h"

/*
 * Read ranges below `end` from /proc/iomem. m->avoid gets memory that the running kernel does not
 * use as RAM: reserved tables, the crash kernel, and memory that its own command line excluded,
 * such as persistent memory with contents. m->crash gets the memory for a crash kernel. Without
 * privilege all addresses read as 0; then nothing is known, and both stay unchanged. -ENOMEM.
 */
int wb_iomem_read(
	const struct wb_files *files, uint64_t end, struct wb_machine *m, struct wb_error *err);
/* EFI's tables, its runtime map, and the ACPI root pointer that it names. -EBADMSG, -ENOMEM. */
int wb_efi_read(const struct wb_files *files, struct wb_machine *m, struct wb_error *err);
