/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A region of memory that the kernel leaves alone because its command line says so (memmap=). */
#pragma once

#include "plan/machine.h"
#include "sys/sys.h"

/* The region that every load asks for, as a word for the command line. */
#define WB_STORE_REGION "/var/lib/warmboot/store-region"

struct wb_store_region {
	uint64_t start, size;
};

/* "memmap=0x20000000!0x140000000" and NUL. */
void wb_store_region_word(const struct wb_store_region *r, char ret[64]);
/* The value of a memmap= parameter; false: it is of another kind. Pure. */
bool wb_store_region_parse(const char *value, struct wb_store_region *ret);
/*
 * The best place for `bytes`: above 4 GiB where there is room, on a border of 128 MiB or else of
 * 2 MiB, as high as can be. Pure. -ENOSPC.
 */
int wb_store_region_choose(const struct wb_machine *m, uint64_t bytes, struct wb_store_region *ret,
	struct wb_error *err);
/* What WB_STORE_REGION says. -ENOENT nothing is set aside, -EBADMSG. */
int wb_store_region_read(
	const struct wb_files *files, struct wb_store_region *ret, struct wb_error *err);
/* Keep it there; NULL: no region any more. */
int wb_store_region_write(
	const struct wb_sys *sys, const struct wb_store_region *region, struct wb_error *err);
/* Does the running kernel leave it alone? */
bool wb_store_region_in_force(const struct wb_files *files, const struct wb_store_region *r);
/*
 * Has it room for a store of `bytes` now? -EOPNOTSUPP: there is none, or not yet; -ENOSPC; -EACCES: only
 * root can tell.
 */
int wb_store_region_ready(const struct wb_files *files, uint64_t bytes, struct wb_store_region *ret,
	struct wb_error *err);
/* The i-th region on the running kernel's command line; false past the last. */
bool wb_store_region_running(const struct wb_files *files, size_t i, struct wb_store_region *ret);
