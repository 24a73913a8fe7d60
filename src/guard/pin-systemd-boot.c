// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * systemd-boot's one-shot entry: the EFI variable LoaderEntryOneShot, an entry's id as a string of
 * UTF-16 with its NUL. systemd-boot deletes it when it has read it (systemd.io/BOOT_LOADER_INTERFACE).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bls/loader.h"
#include "core/text.h"
#include "guard/pin.h"

#define NAME "LoaderEntryOneShot"
/* Of an EFI variable: non-volatile, for boot services, and for the running system (UEFI 2.10, 8.2). */
#define ATTRIBUTES 7
/* The longest file name of an entry on a FAT file system. */
#define LONGEST 255

static int find(const struct wb_files *files, const struct wb_entry *e, char **ret_path,
	char **ret_value, struct wb_error *err)
{
	WB_CLEAN_STR info = NULL;
	const char *id = e->menu_ids[1] ? e->menu_ids[1] : e->menu_ids[0];
	int r = wb_loader_variable(files, "LoaderInfo", &info);

	if (r == -ENOMEM)
		return wb_oom(err);
	if (r < 0 || !info || strncmp(info, "systemd-boot ", 13))
		return -ENOENT;
	if (!id)
		return wb_fail(err, -EOPNOTSUPP, "systemd-boot has no entry for \"%s\"", e->id);
	/* systemd-boot takes the value as a pattern. */
	if (strlen(id) > LONGEST || strpbrk(id, "*?[\\"))
		return wb_fail(err, -EOPNOTSUPP,
			"the entry \"%s\" has a name that systemd-boot would take as a pattern",
			e->id);
	for (const char *s = id; *s; s++)
		if ((unsigned char)*s < 0x21 || (unsigned char)*s > 0x7e)
			return wb_fail(err, -EOPNOTSUPP,
				"the entry \"%s\" has a name of other letters than ASCII's", e->id);
	*ret_path = wb_loader_path(NAME);
	*ret_value = strdup(id);
	if (*ret_path && *ret_value)
		return 0;
	free(*ret_path);
	free(*ret_value);
	*ret_path = *ret_value = NULL;
	return wb_oom(err);
}

static int contents(const struct wb_files *files, const char *path, const char *value,
	struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB out = {};
	const uint8_t attributes[4] = {ATTRIBUTES};
	int r = wb_blob_append(&out, attributes, sizeof(attributes));

	for (size_t i = 0; r >= 0 && i <= strlen(value); i++)
		r = wb_blob_append(&out, (const uint8_t[]){(uint8_t)value[i], 0}, 2);
	if (r < 0)
		return wb_oom(err);
	*ret = wb_blob_take(&out);
	return 0;
}

static int read_variable(
	const struct wb_files *files, const char *path, struct wb_blob *ret, struct wb_error *err)
{
	struct wb_error local = {};
	WB_CLEAN_STR info = NULL;
	int r = files->read(files->ctx, path, 4096, ret, &local);

	if (r < 0 && r != -ENOENT)
		return wb_fail(err, r, "%s", local.text);
	if (r == 0)
		return 1;
	/* A kernel without the firmware's variables does not know whether it is there. */
	info = wb_loader_path("LoaderInfo");
	if (!info)
		return wb_oom(err);
	return files->exists(files->ctx, info)
		       ? 0
		       : wb_fail(err, -EIO,
				 "the variables of the firmware cannot be read: %s is not there",
				 info);
}

static int has(
	const struct wb_files *files, const char *path, const char *value, struct wb_error *err)
{
	WB_CLEAN_BLOB there = {}, wanted = {};
	int r = read_variable(files, path, &there, err);

	if (r > 0)
		r = contents(files, path, value, &wanted, err) < 0 ? -ENOMEM : 1;
	if (r <= 0)
		return r;
	/* The attributes are the firmware's to choose. */
	return there.size == wanted.size &&
	       !memcmp(there.data + 4, wanted.data + 4, wanted.size - 4);
}

static int taken(const struct wb_files *files, const char *path, struct wb_error *err)
{
	WB_CLEAN_BLOB there = {};

	return read_variable(files, path, &there, err);
}

static int write_variable(const struct wb_sys *sys, const char *path, struct wb_bytes contents)
{
	return sys->write_efivar ? sys->write_efivar(sys->ctx, path, contents) : -EOPNOTSUPP;
}

static int clear(const struct wb_sys *sys, const char *path)
{
	return sys->remove_efivar ? sys->remove_efivar(sys->ctx, path) : -EOPNOTSUPP;
}

const struct wb_pin_row wb_pin_systemd_boot = {
	.loader = "systemd-boot",
	.find = find,
	.contents = contents,
	.has = has,
	.taken = taken,
	.write = write_variable,
	.clear = clear,
};
