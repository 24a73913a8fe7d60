/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/files.h"
#include "plan/machine.h"

/*
 * Gather the facts. What only root may read is left empty for others (a plan is then a preview).
 * -ENOENT when firmware's memory map is not to be had; -EBADMSG when it makes no sense; -ENOMEM.
 */
int wb_machine_read(const struct wb_files *files, struct wb_machine *ret, struct wb_error *err);
/* The running kernel's release; NULL: it cannot be read. To be freed. */
char *wb_running_release(const struct wb_files *files);
/* Bytes that can be had without swapping (proc_meminfo(5)); UINT64_MAX: the kernel does not tell. */
uint64_t wb_available_memory(const struct wb_files *files);
