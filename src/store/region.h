/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Regions of memory that the command line sets aside, so that the kernel leaves them alone: one for stores, and one for
 * the memory of virtual machines (store/guest-memory.h).
 */
#pragma once

#include "arch/arch.h"
#include "plan/machine.h"
#include "purgatory/handoff.h"
#include "sys/sys.h"

enum wb_region_use { WB_REGION_STORE, WB_REGION_VM, WB_REGION_USES };

/* The files that hold the regions for every load, each as a kernel parameter. */
#define WB_STORE_REGION "/var/lib/warmboot/store-region"
#define WB_VM_REGION "/var/lib/warmboot/vm-region"

struct wb_store_region {
	uint64_t start, size;
};

/* So much memory lies between two regions at least: the kernel makes one device of two that touch. */
#define WB_REGION_GAP ((uint64_t)2 << 20)

/*
 * The kernel parameter that sets a region aside. The region must come from one of the functions below, which fail
 * on a machine whose kernels have no such parameter.
 */
void wb_store_region_word(
	const struct wb_files *files, const struct wb_store_region *r, char ret[WB_ARCH_WORD]);
/* The region that one kernel parameter sets aside; false: none, or more than one. */
bool wb_store_region_parse(
	const struct wb_files *files, const char *word, struct wb_store_region *ret);
/*
 * The best place for `bytes`: above 4 GiB if there is room, aligned to 128 MiB or else to 2 MiB, as
 * high as possible. Pure. -ENOSPC.
 */
int wb_store_region_choose(const struct wb_machine *m, uint64_t bytes, struct wb_store_region *ret,
	struct wb_error *err);
/* Read the file of the region. -ENOENT nothing is set aside, -EBADMSG. */
int wb_store_region_read(const struct wb_files *files, enum wb_region_use use,
	struct wb_store_region *ret, struct wb_error *err);
/* Write it; NULL: no region any more. */
int wb_store_region_write(const struct wb_sys *sys, enum wb_region_use use,
	const struct wb_store_region *region, struct wb_error *err);
/*
 * Set a region of `bytes` aside from the next jump on; 0: none. A region of that size which is in force
 * stays. Errors of wb_machine_read(), wb_store_region_choose() and wb_store_region_write().
 */
int wb_store_region_reserve(
	const struct wb_sys *sys, enum wb_region_use use, uint64_t bytes, struct wb_error *err);
/*
 * Before a load: a region that is not in force yet goes where none of the n pieces lies, which the next kernel leaves
 * alone for something else. *ret is the region as it is now. -ENOENT: nothing is set aside; -ENOSPC with a sentence: it
 * has no other place; and errors as above.
 */
int wb_store_region_settle(const struct wb_sys *sys, enum wb_region_use use,
	const struct wb_handoff_range *pieces, size_t n, struct wb_store_region *ret,
	struct wb_error *err);
/* Does the running kernel leave the region alone? */
bool wb_store_region_in_force(const struct wb_files *files, const struct wb_store_region *r);
/*
 * Has the region room for a store of `bytes` now? -EOPNOTSUPP: there is none, or not yet; -ENOSPC;
 * -EACCES: only root can know.
 */
int wb_store_region_ready(const struct wb_files *files, uint64_t bytes, struct wb_store_region *ret,
	struct wb_error *err);
/* The i-th region on the running kernel's command line; false past the last. */
bool wb_store_region_running(const struct wb_files *files, size_t i, struct wb_store_region *ret);
