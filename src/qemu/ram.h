/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of a guest: the file or device that QEMU has mapped, where it lies in the machine's memory, and what is in
 * it. All is read from the object that QEMU has mapped, not from a path.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/list.h"

/* A piece of the machine's memory. */
struct wb_guest_run {
	int64_t start, size; /* physical address; bytes */
};
typedef WB_LIST(struct wb_guest_run) wb_guest_runs;

struct wb_guest_ram {
	int fd;        /* of the file or device */
	void *map;     /* all of it, so that its pages stay allocated */
	uint64_t size; /* bytes */
	uint64_t page; /* bytes of one page of it */
	bool device;   /* a DAX device; else a file: of hugetlbfs, or */
	bool dax;      /* one that is the memory itself (DAX), which its file system finds again */
	/* The persistent memory in which such a file lies: physical address, bytes. 0: not known. */
	uint64_t region_start, region_size;
	/* In the order of the guest's addresses; none of such a file. */
	wb_guest_runs runs;
};

/*
 * Find the memory of `size` bytes that the process has mapped, and where it lies. Pages that the guest has not used are
 * given to the file. -EOPNOTSUPP with a sentence: it is of another kind, as memory that a jump cannot leave in place.
 */
int wb_guest_ram_open(pid_t pid, uint64_t size, struct wb_guest_ram *ret, struct wb_error *err);
void wb_guest_ram_close(struct wb_guest_ram *ram);
#define WB_CLEAN_GUEST_RAM __attribute__((cleanup(wb_guest_ram_close))) struct wb_guest_ram

/* Do its pages still lie where they did? -ESTALE with a sentence. */
int wb_guest_ram_check(const struct wb_guest_ram *ram, struct wb_error *err);
/*
 * A digest of samples from each 64 KiB, by which memory in a wrong place, or in a wrong order, is found. The guest has
 * to stand still.
 */
int wb_guest_ram_sample(const struct wb_guest_ram *ram, char ret_hex[65], struct wb_error *err);
/* Make sure that the next kernel finds such a file as it is now. Others need nothing. */
int wb_guest_ram_settle(const struct wb_guest_ram *ram, struct wb_error *err);
/* Is it the number of a DAX device? */
bool wb_is_dax(dev_t device);
