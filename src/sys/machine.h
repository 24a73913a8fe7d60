/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about the running machine: those for a plan, its release, its free memory. */
#pragma once

#include "core/files.h"
#include "plan/machine.h"

/*
 * Gather the facts for a plan. Facts that only root may read are left empty for others (a plan is
 * then a preview). -ENOENT when there is no memory map of the firmware; -EBADMSG when it makes no
 * sense; -ENOMEM.
 */
int wb_machine_read(const struct wb_files *files, struct wb_machine *ret, struct wb_error *err);
/* The running kernel's release; NULL: it cannot be read. To be freed. */
char *wb_running_release(const struct wb_files *files);
/*
 * The running kernel's id (core/kernel-id.h) and its name, which is the id where it does not tell its build id. Both to
 * be freed. -EIO with a sentence: it tells nothing of both; -ENOMEM.
 */
int wb_running_kernel_id(
	const struct wb_files *files, char **ret_id, char **ret_name, struct wb_error *err);
/* Memory available without swapping, in bytes (proc_meminfo(5)); UINT64_MAX: unknown. */
uint64_t wb_available_memory(const struct wb_files *files);
