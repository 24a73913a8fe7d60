// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the variables of the boot loader interface (systemd.io/BOOT_LOADER_INTERFACE) and of the
 * firmware in efivarfs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/loader.h"

#define EFIVARS "/sys/firmware/efi/efivars"
#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define GLOBAL_GUID "8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* Convert UTF-16LE up to a NUL; a character outside of the basic plane becomes '?'. */
static char *utf8(struct wb_bytes in, size_t *ret_used)
{
	char *s = malloc(in.size / 2 * 3 + 1), *p = s;
	uint16_t c;
	size_t at;

	if (!s)
		return NULL;
	for (at = 0; wb_get_le16(in, at, &c) && c; at += 2) {
		if (c >= 0xd800 && c < 0xe000) {
			*p++ = '?';
		} else if (c < 0x80) {
			*p++ = (char)c;
		} else if (c < 0x800) {
			*p++ = (char)(0xc0 | c >> 6);
			*p++ = (char)(0x80 | (c & 0x3f));
		} else {
			*p++ = (char)(0xe0 | c >> 12);
			*p++ = (char)(0x80 | (c >> 6 & 0x3f));
			*p++ = (char)(0x80 | (c & 0x3f));
		}
	}
	*p = 0;
	*ret_used = at + 2;
	return s;
}

char *wb_loader_path(const char *name)
{
	char *path;

	return asprintf(&path, EFIVARS "/%s-" LOADER_GUID, name) < 0 ? NULL : path;
}

/* Read a variable without the attributes in front (Documentation/filesystems/efivarfs.rst). */
static int read_variable(const struct wb_files *files, const char *name, struct wb_blob *ret_owner,
	struct wb_bytes *ret)
{
	WB_CLEAN_STR path = wb_loader_path(name);
	WB_CLEAN_BLOB blob = {};
	struct wb_error err = {};
	struct wb_bytes value;
	int r;

	if (!path)
		return -ENOMEM;
	r = files->read(files->ctx, path, 65536, &blob, &err);
	if (r < 0)
		return r;
	if (!wb_bytes_sub(wb_blob_view(&blob), 4, blob.size - 4, &value))
		return -EBADMSG;
	*ret = value;
	*ret_owner = wb_blob_take(&blob);
	return 0;
}

int wb_loader_variable(const struct wb_files *files, const char *name, char **ret)
{
	WB_CLEAN_BLOB blob = {};
	struct wb_bytes value;
	size_t used;
	char *s;
	int r = read_variable(files, name, &blob, &value);

	if (r < 0)
		return r;
	s = utf8(value, &used);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

int wb_loader_list(const struct wb_files *files, const char *name, struct wb_strv *ret)
{
	WB_CLEAN_BLOB blob = {};
	WB_CLEAN_STRV list = {};
	struct wb_bytes value;
	size_t used;
	int r = read_variable(files, name, &blob, &value);

	for (; r == 0 && value.size >= 2; r = 0) {
		WB_CLEAN_STR s = utf8(value, &used);

		if (!s || wb_strv_add(&list, s) < 0)
			return -ENOMEM;
		if (!wb_bytes_sub(value, used, value.size - used, &value))
			break;
	}
	if (r < 0)
		return r;
	*ret = list;
	list = (struct wb_strv){};
	return 0;
}

bool wb_secure_boot(const struct wb_files *files)
{
	WB_CLEAN_BLOB blob = {};
	struct wb_error err = {};
	uint8_t on;

	return files->read(files->ctx, EFIVARS "/SecureBoot-" GLOBAL_GUID, 64, &blob, &err) >= 0 &&
	       wb_get_u8(wb_blob_view(&blob), 4, &on) && on == 1;
}

int wb_firmware_menu_status(const struct wb_files *files)
{
	WB_CLEAN_BLOB blob = {};
	struct wb_error err = {};
	uint8_t low;

	if (files->read(files->ctx, EFIVARS "/OsIndicationsSupported-" GLOBAL_GUID, 64, &blob,
		    &err) < 0 ||
		!wb_get_u8(wb_blob_view(&blob), 4, &low))
		return -1;
	return !(low & 1);
}

bool wb_boots_other_next(const struct wb_files *files)
{
	static const char *const names[] = {"BootNext", "BootCurrent"};
	uint16_t numbers[2];

	for (size_t i = 0; i < 2; i++) {
		WB_CLEAN_BLOB blob = {};
		WB_CLEAN_STR path = wb_strf(EFIVARS "/%s-" GLOBAL_GUID, names[i]);
		struct wb_error err = {};

		if (!path || files->read(files->ctx, path, 64, &blob, &err) < 0 ||
			!wb_get_le16(wb_blob_view(&blob), 4, &numbers[i]))
			return i == 1;
	}
	return numbers[0] != numbers[1];
}

int wb_sdboot_version(const struct wb_files *files, bool *ret_is, unsigned int *ret_version)
{
	static const char name[] = "systemd-boot";
	const size_t n = sizeof(name) - 1;
	WB_CLEAN_STR info = NULL;
	unsigned int version = 0;
	int r = wb_loader_variable(files, "LoaderInfo", &info);
	bool is = info && strncasecmp(info, name, n) == 0;

	if (r == -ENOMEM)
		return r;
	/* "systemd-boot 257.7-1-arch"; "systemd-boot v260-rc1" too. */
	if (is && sscanf(info + n, " v%3u", &version) != 1 &&
		sscanf(info + n, " %3u", &version) != 1)
		version = 0;
	*ret_is = is;
	*ret_version = version;
	return 0;
}
