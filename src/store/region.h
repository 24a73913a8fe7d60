/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A region of memory that the command line sets aside for stores, so that the kernel leaves it
 * alone.
 */
#pragma once

#include "arch/arch.h"
#include "plan/machine.h"
#include "sys/sys.h"

/* The file that holds the region for every load, as a kernel parameter. */
#define WB_STORE_REGION "/var/lib/warmboot/store-region"

struct wb_store_region {
	uint64_t start, size;
};

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
/* Read WB_STORE_REGION. -ENOENT nothing is set aside, -EBADMSG. */
int wb_store_region_read(
	const struct wb_files *files, struct wb_store_region *ret, struct wb_error *err);
/* Write WB_STORE_REGION; NULL: no region any more. */
int wb_store_region_write(
	const struct wb_sys *sys, const struct wb_store_region *region, struct wb_error *err);
/*
 * Set a region of `bytes` aside from the next jump on; 0: none. A region of that size which is in force
 * stays. Errors of wb_machine_read(), wb_store_region_choose() and wb_store_region_write().
 */
int wb_store_region_reserve(const struct wb_sys *sys, uint64_t bytes, struct wb_error *err);
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
