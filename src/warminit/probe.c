// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where a file system keeps its mark and its UUID: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h,
 * include/uapi/linux/btrfs_tree.h, include/linux/f2fs_fs.h; FAT as in the EFI FAT32 specification.
 */
#include <stdio.h>
#include <string.h>

#include "warminit/probe.h"

struct mark {
	const char *type;
	uint32_t magic_at;
	uint32_t magic_len;
	const char *magic;
	uint32_t uuid_at;
	uint32_t uuid_len;
};

static const struct mark marks[] = {
	{"ext", 1024 + 56, 2, "\x53\xef", 1024 + 104, 16},
	{"xfs", 0, 4, "XFSB", 32, 16},
	{"btrfs", 65536 + 64, 8, "_BHRfS_M", 65536 + 32, 16},
	{"f2fs", 1024, 4, "\x10\x20\xf5\xf2", 1024 + 108, 16},
	{"vfat", 82, 8, "FAT32   ", 67, 4},
	{"vfat", 54, 4, "FAT1", 39, 4},
};

bool wb_probe_uuid(struct wb_bytes head, char ret_uuid[37], const char **ret_type)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const struct mark *m = &marks[i];
		uint8_t id[16];
		char *out = ret_uuid;

		if (!wb_bytes_equal(head, m->magic_at, m->magic, m->magic_len) ||
			!wb_get_struct(head, m->uuid_at, id, m->uuid_len))
			continue;
		if (m->uuid_len == 4)
			snprintf(out, 37, "%02X%02X-%02X%02X", id[3], id[2], id[1], id[0]);
		for (unsigned int k = 0; m->uuid_len == 16 && k < 16; k++)
			out += snprintf(out, 4,
				k == 4 || k == 6 || k == 8 || k == 10 ? "-%02x" : "%02x", id[k]);
		*ret_type = m->type;
		return true;
	}
	return false;
}
