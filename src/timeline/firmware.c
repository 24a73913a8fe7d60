// SPDX-License-Identifier: LGPL-2.1-or-later
/* Times of firmware and boot loader, from EFI variables or the ACPI table FPDT. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "timeline/firmware.h"

/* The vendor of the Boot Loader Interface (systemd.io/BOOT_LOADER_INTERFACE). */
#define EFI(name) "/sys/firmware/efi/efivars/" name "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
/* Documentation/ABI/testing/sysfs-firmware-acpi, since Linux 5.12. */
#define FPDT(name) "/sys/firmware/acpi/fpdt/boot/" name "_ns"

/* A longer time is a wrong clock. */
#define LONGEST_US 3600000000ull

int wb_efi_usec(struct wb_bytes v, uint64_t *ret)
{
	uint64_t us = 0, off = 4;
	uint16_t c;

	for (; wb_get_le16(v, off, &c) && c; off += 2) {
		if (c < '0' || c > '9' || us > LONGEST_US)
			return -EBADMSG;
		us = us * 10 + (c - '0');
	}
	if (off == 4)
		return -EBADMSG;
	*ret = us;
	return 0;
}

static int read_variable(const struct wb_files *files, const char *path, uint64_t *ret)
{
	WB_CLEAN_BLOB b = {};

	if (files->read(files->ctx, path, 4096, &b, NULL) < 0)
		return -ENOENT;
	return wb_efi_usec(wb_blob_view(&b), ret);
}

static int read_ns(const struct wb_files *files, const char *path, uint64_t *ret)
{
	WB_CLEAN_BLOB b = {};

	if (files->read(files->ctx, path, 65536, &b, NULL) < 0)
		return -ENOENT;
	*ret = strtoull((const char *)b.data, NULL, 10) / 1000;
	return 0;
}

void wb_firmware_times(const struct wb_files *files, struct wb_user_times *ret)
{
	uint64_t begin, end;

	if ((read_variable(files, EFI("LoaderTimeInitUSec"), &begin) < 0 ||
		    read_variable(files, EFI("LoaderTimeExecUSec"), &end) < 0) &&
		(read_ns(files, FPDT("bootloader_launch"), &begin) < 0 ||
			read_ns(files, FPDT("exitbootservice_end"), &end) < 0))
		return;
	if (!begin || end < begin || end > LONGEST_US)
		return;
	ret->firmware_us = end;
	ret->loader_us = end - begin;
}
