// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Recognising data of others in persistent memory: file systems, partition tables, libnvdimm's own
 * blocks.
 */
#include <string.h>

#include "store/impl.h"

struct signature {
	uint32_t off;
	const char *magic;
	uint32_t n;
	const char *name;
};

/*
 * Words for the sentence; offsets and magic numbers are from the sources of blkid and the kernel.
 */
static const struct signature signatures[] = {
	{1080, "\x53\xef", 2, "an ext4 file system"},
	{0, "XFSB", 4, "an XFS file system"},
	{65600, "_BHRfS_M", 8, "a btrfs file system"},
	{1024, "\x10\x20\xf5\xf2", 4, "an F2FS file system"},
	{1024, "\xe2\xe1\xf5\xe0", 4, "an EROFS file system"},
	{0, "hsqs", 4, "a squashfs file system"},
	{4120, "\xc6\x85\x73\xf6\x66\xce\x90\xa9", 8, "a bcachefs file system"},
	{4120, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca", 8, "a bcache device"},
	{32769, "CD001", 5, "an ISO 9660 file system"},
	{4086, "SWAPSPACE2", 10, "swap space"},
	{4086, "SWAP-SPACE", 10, "swap space"},
	{4086, "S1SUSPEND", 9, "the image of a suspended system"},
	{0, "LUKS\xba\xbe", 6, "a LUKS volume"},
	{0, "-FVE-FS-", 8, "a BitLocker volume"},
	{0, "LABELONE", 8, "a physical volume of LVM"},
	{512, "LABELONE", 8, "a physical volume of LVM"},
	{1024, "LABELONE", 8, "a physical volume of LVM"},
	{1536, "LABELONE", 8, "a physical volume of LVM"},
	{0, "\xfc\x4e\x2b\xa9", 4, "a part of a RAID array"},
	{4096, "\xfc\x4e\x2b\xa9", 4, "a part of a RAID array"},
	{131072, "\x0c\xb1\xba\x00\x00\x00\x00\x00", 8, "a part of a ZFS pool"},
	{512, "EFI PART", 8, "a table of partitions"},
	{4096, "EFI PART", 8, "a table of partitions"},
	/* A boot sector, of a partition table or of FAT, NTFS and exFAT. */
	{510, "\x55\xaa", 2, "a table of partitions or a FAT file system"},
	/* drivers/nvdimm/pfn.h, btt.h, label.h */
	{4096, "NVDIMM_PFN_INFO", 16, "a namespace of libnvdimm (fsdax)"},
	{4096, "NVDIMM_DAX_INFO", 16, "a namespace of libnvdimm (devdax)"},
	{0, "BTT_ARENA_INFO", 15, "a namespace of libnvdimm (BTT)"},
	{4096, "BTT_ARENA_INFO", 15, "a namespace of libnvdimm (BTT)"},
	{0, "NAMESPACE_INDEX", 16, "labels of libnvdimm"},
};

const char *wb_store_foreign(struct wb_bytes head)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(*signatures); i++) {
		const struct signature *s = &signatures[i];
		struct wb_bytes part;

		if (wb_bytes_sub(head, s->off, s->n, &part) && !memcmp(part.data, s->magic, s->n))
			return s->name;
	}
	return NULL;
}
