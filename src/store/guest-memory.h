/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of guests in a region that every kernel sets aside (WB_REGION_VM): a file system on it, mounted so that its
 * files are the memory itself and no copies in the page cache (DAX). A guest's QEMU has a file there.
 */
#pragma once

#include "store/region.h"
#include "store/store.h"
#include "sys/runner.h"

/* Where it is mounted: below /dev the shutdown leaves mounts alone. */
#define WB_VM_MEMORY "/dev/vm-memory"
/* The UUID of the file system that is in the region. */
#define WB_VM_MEMORY_ID "/var/lib/warmboot/vm-memory"

struct wb_vm_memory {
	bool mounted;
	bool dax; /* the region itself; false: ordinary memory (tmpfs), which no jump leaves in place */
};

/* What is mounted there now? Errors of reading say that nothing is. */
struct wb_vm_memory wb_vm_memory_look(const struct wb_files *files);
/*
 * Is this memory the region, so that the next kernel leaves it alone as well? -EOPNOTSUPP with a sentence: it is not.
 */
int wb_vm_memory_check(
	const struct wb_files *files, uint64_t start, uint64_t size, struct wb_error *err);
/*
 * Mount it. After a jump the file system is the one that is there already; in every other boot it is made anew, since
 * memory may have lost its contents. Where the region is not in force, or is of no use (*ret_why, else empty), guests get
 * a tmpfs of the same size. -ENOENT: no region is set aside. Other errors with a sentence: nothing is mounted.
 */
int wb_vm_memory_mount(const struct wb_store_env *env, const struct wb_runner *runner,
	struct wb_vm_memory *ret, struct wb_error *ret_why, struct wb_error *err);
