// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Finding the magic number and the UUID of a file system, and the PARTUUID. Sources:
 * fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, include/uapi/linux/btrfs_tree.h,
 * include/linux/f2fs_fs.h; the EFI FAT32 specification for FAT; the UEFI specification, chapter 5,
 * for partition tables; block/partitions/{efi,msdos}.c for names.
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

/* `order` says which byte of `id` comes at which place. */
static void print_uuid(const uint8_t id[16], const uint8_t order[16], char ret[37])
{
	for (unsigned int k = 0; k < 16; k++)
		ret += snprintf(ret, 4, k == 4 || k == 6 || k == 8 || k == 10 ? "-%02x" : "%02x",
			id[order[k]]);
}

bool wb_probe_uuid(struct wb_bytes head, char ret_uuid[37], const char **ret_type)
{
	static const uint8_t straight[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const struct mark *m = &marks[i];
		uint8_t id[16];

		if (!wb_bytes_equal(head, m->magic_at, m->magic, m->magic_len) ||
			!wb_get_struct(head, m->uuid_at, id, m->uuid_len))
			continue;
		if (m->uuid_len == 4)
			snprintf(ret_uuid, 37, "%02X%02X-%02X%02X", id[3], id[2], id[1], id[0]);
		else
			print_uuid(id, straight, ret_uuid);
		*ret_type = m->type;
		return true;
	}
	return false;
}

static bool gpt_partuuid(struct wb_bytes head, uint32_t block, unsigned int number, char ret[37])
{
	/* The first three fields of a GUID are little-endian numbers. */
	static const uint8_t guid[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	uint64_t lba;
	uint32_t count, size;
	uint8_t id[16];

	if (block > WB_PROBE_BYTES || !wb_bytes_equal(head, block, "EFI PART", 8) ||
		!wb_get_le64(head, block + 72, &lba) || !wb_get_le32(head, block + 80, &count) ||
		!wb_get_le32(head, block + 84, &size) || lba > WB_PROBE_BYTES || number > count ||
		size < 128 || size > WB_PROBE_BYTES ||
		!wb_get_struct(head, lba * block + (uint64_t)(number - 1) * size + 16, id, 16))
		return false;
	print_uuid(id, guid, ret);
	return true;
}

bool wb_probe_partuuid(
	struct wb_bytes head, uint32_t block, unsigned int number, char ret_partuuid[37])
{
	uint32_t signature;

	if (number < 1 || number > 255)
		return false;
	if (gpt_partuuid(head, block, number, ret_partuuid))
		return true;
	/* A protective MBR (type 0xee) is no partition table. */
	if (!wb_bytes_equal(head, 510, "\x55\xaa", 2) || wb_bytes_equal(head, 450, "\xee", 1) ||
		!wb_get_le32(head, 440, &signature))
		return false;
	snprintf(ret_partuuid, 37, "%08x-%02x", signature, number);
	return true;
}

/* virtio-blk; NVMe; SCSI and SATA; MMC (cid is never empty there). */
const char *const wb_probe_disk_names[] = {
	"serial", "wwid", "device/wwid", "device/serial", "device/cid", NULL};

/* "0000:00:1f.2", whose domain may have more digits. */
static bool is_pci_function(const char *name, size_t n)
{
	size_t digits = strspn(name, "0123456789abcdef");

	return digits >= 4 && n == digits + 8 && name[digits] == ':' && name[digits + 3] == ':' &&
	       name[digits + 6] == '.';
}

void wb_probe_place(const char *syspath, char *ret, size_t size)
{
	size_t end = 0, n;

	for (const char *p = syspath; *p; p += n) {
		p += *p == '/';
		n = strcspn(p, "/");
		if (is_pci_function(p, n))
			end = (size_t)(p - syspath) + n;
	}
	snprintf(ret, size, "%.*s", end < size ? (int)end : 0, syspath);
}
