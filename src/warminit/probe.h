/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which file system a device holds, from its first bytes. Pure: the static init and the hosted
 * tests share it.
 */
#pragma once

#include "core/bytes.h"

/* Bytes from the start of a device that wb_probe_uuid() may look at (btrfs sits at 64 KiB). */
#define WB_PROBE_BYTES (68 * 1024)

/*
 * Write the UUID as udev and blkid print it (lower case; "ABCD-1234" for FAT) and the name of the
 * type. false, outputs untouched: none of ext2/3/4 (all called "ext"), xfs, btrfs, f2fs, vfat.
 */
bool wb_probe_uuid(struct wb_bytes head, char ret_uuid[37], const char **ret_type);
