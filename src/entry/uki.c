// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Boot Loader Specification type 2: unified kernel images in EFI/Linux. A UKI may be 100 MB, so
 * only its headers and the small sections that name it are read; whether it can be loaded is for
 * src/image to say.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry/internal.h"

/* Room for the DOS stub and section headers of any UKI seen. */
#define HEADER_LIMIT 16384
#define SECTION_LIMIT 65536

/*
 * PE/COFF: e_lfanew at 0x3c; there "PE\0\0", the COFF header (NumberOfSections at 6,
 * SizeOfOptionalHeader at 20), then section headers of 40 bytes (name, VirtualSize at 8,
 * SizeOfRawData at 16, PointerToRawData at 20). False: no such section.
 */
static bool find_section(
	struct wb_bytes head, const char *name, uint64_t *ret_off, uint64_t *ret_size)
{
	uint32_t pe, virtual_size, raw_size, raw_at;
	uint16_t n, optional;
	char want[8] = {};

	memcpy(want, name, strlen(name));
	if (!wb_bytes_equal(head, 0, "MZ", 2) || !wb_get_le32(head, 0x3c, &pe) ||
		!wb_bytes_equal(head, pe, "PE\0\0", 4) ||
		!wb_get_le16(head, (uint64_t)pe + 6, &n) ||
		!wb_get_le16(head, (uint64_t)pe + 20, &optional))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = (uint64_t)pe + 24 + optional + i * 40ull;

		if (!wb_bytes_equal(head, at, want, 8))
			continue;
		if (!wb_get_le32(head, at + 8, &virtual_size) ||
			!wb_get_le32(head, at + 16, &raw_size) ||
			!wb_get_le32(head, at + 20, &raw_at))
			return false;
		*ret_off = raw_at;
		*ret_size = virtual_size < raw_size ? virtual_size : raw_size;
		return true;
	}
	return false;
}

/* Text of a section; ret stays empty when there is none. -ENOMEM. */
static int read_section(const struct wb_files *files, const char *path, struct wb_bytes head,
	const char *name, struct wb_blob *ret)
{
	struct wb_error err = {};
	uint64_t off, size;

	if (!find_section(head, name, &off, &size) || !size)
		return 0;
	if (size > SECTION_LIMIT)
		size = SECTION_LIMIT;
	return files->read_at(files->ctx, path, off, size, ret, &err) == -ENOMEM ? -ENOMEM : 0;
}

/* First of `keys` that os-release sets, unquoted; NULL none (or no memory: see callers). */
static char *osrel_value(const char *text, const char *const *keys)
{
	for (; *keys; keys++) {
		size_t n = strlen(*keys);

		for (const char *line = text; *line;
			line += strcspn(line, "\n"), line += *line == '\n') {
			const char *v = line + n + 1;
			size_t len;

			if (strncmp(line, *keys, n) != 0 || line[n] != '=')
				continue;
			len = strcspn(v, "\r\n");
			if (len >= 2 && (*v == '"' || *v == '\'') && v[len - 1] == *v) {
				v++;
				len -= 2;
			}
			if (len)
				return strndup(v, len);
		}
	}
	return NULL;
}

/* Which fields name an image: UAPI.1 type 2, in falling precedence. */
static const char *const title_keys[] = {"PRETTY_NAME", "IMAGE_ID", "NAME", "ID", NULL};
static const char *const version_keys[] = {
	"IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID", NULL};
static const char *const sort_keys[] = {"IMAGE_ID", "ID", NULL};

/* `e` has its id, kernel and counters. */
static int fill(const struct wb_files *files, struct wb_bytes head, struct wb_entry *e)
{
	WB_CLEAN_BLOB osrel = {}, uname = {};

	if (read_section(files, e->kernel, head, ".osrel", &osrel) < 0 ||
		read_section(files, e->kernel, head, ".uname", &uname) < 0)
		return -ENOMEM;
	if (osrel.data) {
		e->title = osrel_value((char *)osrel.data, title_keys);
		e->version = osrel_value((char *)osrel.data, version_keys);
		e->sort_key = osrel_value((char *)osrel.data, sort_keys);
	}
	if (!e->title)
		e->title = strdup(e->id);
	if (uname.data) {
		size_t n = strcspn((char *)uname.data, " \r\n");

		e->release = n ? strndup((char *)uname.data, n) : NULL;
	}
	if (asprintf(&e->source, "uki %s", e->kernel) < 0)
		e->source = NULL;
	return e->title && e->source ? 0 : -ENOMEM;
}

static int add(const struct wb_files *files, struct wb_entry *e, struct wb_entries *ret)
{
	WB_CLEAN_BLOB head = {};
	struct wb_error err = {};
	struct wb_entry *slot;
	uint64_t off, size;
	int r = files->read_at(files->ctx, e->kernel, 0, HEADER_LIMIT, &head, &err);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return wb_entries_warn(ret, "%s was skipped: %s", e->kernel, err.text);
	if (!find_section(wb_blob_view(&head), ".linux", &off, &size))
		return wb_entries_warn(ret,
			"%s was skipped: it is no unified kernel image (no .linux section)",
			e->kernel);
	r = fill(files, wb_blob_view(&head), e);
	if (r < 0)
		return r;
	slot = wb_entries_add(ret);
	if (!slot)
		return -ENOMEM;
	*slot = *e;
	*e = (struct wb_entry){};
	return 0;
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	static const char *const dirs[] = {
		"/efi/EFI/Linux", "/boot/EFI/Linux", "/boot/efi/EFI/Linux"};

	for (size_t d = 0; d < sizeof(dirs) / sizeof(*dirs); d++) {
		WB_CLEAN_STRV names = {};
		int r = files->list(files->ctx, dirs[d], &names, err);

		if (r < 0 && r != -ENOMEM && r != -ENOENT && r != -ENOTDIR)
			r = wb_entries_warn(ret, "%s was not searched: %s", dirs[d], strerror(-r));
		for (size_t i = 0; i < names.n && r != -ENOMEM; i++) {
			struct wb_entry e = {};

			if (!wb_bls_name(names.items[i], ".efi", true, &e.id, &e))
				continue;
			if (e.id && asprintf(&e.kernel, "%s/%s", dirs[d], names.items[i]) < 0)
				e.kernel = NULL;
			r = !e.id || !e.kernel ? -ENOMEM : 0;
			/* The same partition seen through a second mount. */
			if (r == 0 && !wb_entries_has(ret, e.id))
				r = add(files, &e, ret);
			wb_entry_deinit(&e);
		}
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

const struct wb_entry_source wb_source_uki = {"uki", find};
