/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recognising the file system of a device from its first bytes, and a disk from its files in /sys.
 * Pure: the static init and the hosted tests share it.
 */
#pragma once

#include "core/bytes.h"

/*
 * These functions read at most this many bytes from the start of a device (btrfs sits at 64 KiB).
 */
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
 * Files below a disk's directory in /sys that identify it across kernels. The first one that is not
 * empty counts. The list ends with a NULL.
 */
extern const char *const wb_probe_disk_names[];

/*
 * The place of a disk without such a file: its directory in /sys up to the last PCI function in it,
 * since later numbers depend on the order of probing. "" when there is none, or one that does not
 * fit.
 */
void wb_probe_place(const char *syspath, char *ret, size_t size);
