// SPDX-License-Identifier: LGPL-2.1-or-later
/* Facts that several kinds of machines have in the same files: /proc/iomem and EFI's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/firmware.h"
#include "core/text.h"

#define SMALL (1 << 20) /* EFI's configuration table is much smaller */

/*
 * Parse a line "00001000-0009ffff : System RAM"; ranges within another are indented by two blanks
 * for each level.
 */
static bool parse_iomem(struct wb_span line, uint64_t *start, uint64_t *last, struct wb_span *name)
{
	struct wb_span range, colon, first;

	if (!wb_take_word(&line, &range) || !wb_take_word(&line, &colon) ||
		!wb_span_is(colon, ":") || !line.n)
		return false;
	if (!wb_span_split(range, '-', &first, &range))
		return false;
	*name = (struct wb_span){line.s + 1, line.n - 1};
	return wb_span_number(first, 16, start) && wb_span_number(range, 16, last);
}

int wb_iomem_read(
	const struct wb_files *f, uint64_t end, struct wb_machine *m, struct wb_error *err)
{
	WB_CLEAN_RANGES out = {}, inside = {}, crash = {};
	WB_CLEAN_BLOB b = {};
	struct wb_span line, name;
	const char *text;
	bool known = false;
	int r;

	/* The size is not known: it grows with the machine. */
	if (f->read(f->ctx, "/proc/iomem", 0, &b, NULL) < 0)
		return 0;
	r = wb_ranges_set(&out, 0, end, WB_MEMORY_RESERVED);
	for (text = (const char *)b.data; r == 0 && wb_take_line(&text, &line);) {
		uint64_t start, last;

		if (!parse_iomem(line, &start, &last, &name) || last <= start || last >= end)
			continue;
		if (*line.s != ' ' && wb_span_is(name, "System RAM")) {
			r = wb_ranges_remove(&out, start, last - start + 1);
			known = true;
		} else if (wb_span_is(name, "reserved") || wb_span_is(name, "Reserved")) {
			r = wb_ranges_set(&inside, start, last - start + 1, WB_MEMORY_RESERVED);
		} else if (wb_span_is(name, "Crash kernel")) {
			r = wb_ranges_set(&inside, start, last - start + 1, WB_MEMORY_RESERVED);
			if (r == 0)
				r = wb_ranges_set(&crash, start, last - start + 1, WB_MEMORY_RAM);
		}
	}
	for (size_t i = 0; i < inside.n && r == 0; i++)
		r = wb_ranges_set(
			&out, inside.items[i].start, inside.items[i].size, WB_MEMORY_RESERVED);
	if (r < 0)
		return wb_fail(err, r, "out of memory while reading /proc/iomem");
	if (known) {
		m->avoid = out;
		m->crash = crash;
		out = crash = (struct wb_ranges){};
	}
	return 0;
}

static uint64_t systab_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (strncmp(p, key, n) == 0 && p[n] == '=')
			return strtoull(p + n + 1, NULL, 0);
	return 0;
}

static int read_efi_map(const struct wb_files *f, struct wb_machine *m, struct wb_error *err)
{
	static const char dir[] = "/sys/firmware/efi/runtime-map";
	WB_CLEAN_STRV names = {};

	if (f->list(f->ctx, dir, &names, NULL) < 0 || !names.n)
		return 0;
	m->efi_map = calloc(names.n, sizeof(*m->efi_map));
	if (!m->efi_map)
		return wb_fail(err, -ENOMEM, "out of memory while reading %s", dir);
	/* The directory is sorted as text, but entries are numbered and must keep that order. */
	for (size_t i = 0; i < names.n; i++) {
		struct wb_efi_desc *d = &m->efi_map[i];
		const struct {
			const char *name;
			uint64_t *ret;
		} fields[] = {{"phys_addr", &d->phys}, {"virt_addr", &d->virt},
			{"num_pages", &d->pages}, {"attribute", &d->attribute}};
		char path[128];

		snprintf(path, sizeof(path), "%s/%zu/type", dir, i);
		d->type = (uint32_t)wb_read_number(f, path);
		for (size_t k = 0; k < sizeof(fields) / sizeof(*fields); k++) {
			snprintf(path, sizeof(path), "%s/%zu/%s", dir, i, fields[k].name);
			*fields[k].ret = wb_read_number(f, path);
		}
		if (!d->pages)
			return wb_fail(err, -EBADMSG, "%s/%zu is missing or empty", dir, i);
	}
	m->efi_n = names.n;
	return 0;
}

int wb_efi_read(const struct wb_files *f, struct wb_machine *m, struct wb_error *err)
{
	WB_CLEAN_BLOB systab = {};

	m->efi_fw_vendor = wb_read_number(f, "/sys/firmware/efi/fw_vendor");
	m->efi_tables = wb_read_number(f, "/sys/firmware/efi/config_table");
	if (f->read(f->ctx, "/sys/firmware/efi/systab", SMALL, &systab, NULL) == 0) {
		const char *text = (char *)systab.data;

		m->efi_smbios = systab_value(text, "SMBIOS");
		m->rsdp = systab_value(text, "ACPI20");
		if (!m->rsdp)
			m->rsdp = systab_value(text, "ACPI");
	}
	return read_efi_map(f, m, err);
}
