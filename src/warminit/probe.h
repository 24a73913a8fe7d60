/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which file system a device holds, from its first bytes. Pure: the static init and the hosted
 * tests share it.
 */
#pragma once

#include "core/bytes.h"

/* Bytes from the start of a device that these may look at (btrfs sits at 64 KiB). */
#define WB_PROBE_BYTES (68 * 1024)

/*
 * Write the UUID as udev and blkid print it (lower case; "ABCD-1234" for FAT) and the name of the
 * type. false, outputs untouched: none of ext2/3/4 (all called "ext"), xfs, btrfs, f2fs, vfat.
 */
bool wb_probe_uuid(struct wb_bytes head, char ret_uuid[37], const char **ret_type);

/*
 * The PARTUUID of partition `number` (from 1) from the start of its disk, as the kernel writes it:
 * a GPT's GUID in lower case, or "SIGNATURE-NUMBER" of an MBR. `block` is the logical block size
 * in bytes. false, output untouched: no partition table, or the entry lies outside `head`.
 */
bool wb_probe_partuuid(
	struct wb_bytes head, uint32_t block, unsigned int number, char ret_partuuid[37]);

/*
 * What a disk is known by from one kernel to the next: the first of these files below its
 * directory in /sys that holds anything, ending with a NULL.
 */
extern const char *const wb_probe_disk_names[];

/*
 * Where a disk sits, for one that has no such file: what its directory in /sys is called up to the
 * last PCI function in it, since numbers that come after depend on the order of probing. "" when
 * it has none, or one that does not fit.
 */
void wb_probe_place(const char *syspath, char *ret, size_t size);
