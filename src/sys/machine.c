// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "sys/handoff.h"
#include "sys/machine.h"

#define SMALL (1 << 20)          /* no text file that is read whole is larger */
#define CPUINFO_HEAD 16384       /* more than one CPU's part of /proc/cpuinfo */
#define ADDRESS_END (1ull << 52) /* what x86-64 can address physically */

/* Offsets in boot_params, Documentation/arch/x86/zero-page.rst. */
#define BP_SIZE 4096
#define BP_RSDP 0x070
#define BP_CC_BLOB 0x13c

#define SETUP_DTB 2

static int read_text(const struct wb_files *f, const char *path, struct wb_blob *ret)
{
	struct wb_error ignored = {};

	return f->read(f->ctx, path, SMALL, ret, &ignored);
}

/* The kernel's names, e820_type_to_string() in arch/x86/kernel/e820.c. */
static uint32_t type_of(const char *name)
{
	static const struct {
		const char *name;
		uint32_t type;
	} names[] = {
		{"System RAM", WB_E820_RAM},
		{"ACPI Tables", WB_E820_ACPI},
		{"ACPI Non-volatile Storage", WB_E820_NVS},
		{"Unusable memory", WB_E820_UNUSABLE},
		{"Persistent Memory (legacy)", WB_E820_PRAM},
		{"Persistent Memory", WB_E820_PMEM},
		{"Soft Reserved", WB_E820_SOFT},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(name, names[i].name, strlen(names[i].name)) == 0)
			return names[i].type;
	return WB_E820_RESERVED;
}

static int read_memmap(const struct wb_files *f, struct wb_ranges *map, struct wb_error *err)
{
	static const char dir[] = "/sys/firmware/memmap";
	WB_CLEAN_STRV names = {};
	int r = f->list(f->ctx, dir, &names, err);

	if (r < 0)
		return wb_fail_in(err, r, "the kernel shows no firmware memory map: ");
	for (size_t i = 0; i < names.n; i++) {
		WB_CLEAN_BLOB type = {};
		char path[128];
		uint64_t start, end;

		snprintf(path, sizeof(path), "%s/%s/start", dir, names.items[i]);
		start = wb_read_number(f, path);
		snprintf(path, sizeof(path), "%s/%s/end", dir, names.items[i]);
		end = wb_read_number(f, path);
		snprintf(path, sizeof(path), "%s/%s/type", dir, names.items[i]);
		if (read_text(f, path, &type) < 0 || end < start)
			return wb_fail(err, -EBADMSG, "%s/%s makes no sense", dir, names.items[i]);
		r = wb_ranges_set(map, start, end - start + 1, type_of((char *)type.data));
		if (r < 0)
			return wb_fail(err, r, "%s/%s: cannot take the range", dir, names.items[i]);
	}
	return map->n ? 0 : wb_fail(err, -ENOENT, "%s is empty", dir);
}

/*
 * Memory that firmware calls RAM and that the running kernel does not use as such: tables that it
 * reserved, the crash kernel, and what its own mem= and memmap= took away, such as persistent memory
 * with contents. Without privilege all addresses read as 0, and then nothing is known.
 */
static int read_iomem(const struct wb_files *f, struct wb_ranges *avoid, struct wb_error *err)
{
	WB_CLEAN_RANGES out = {}, inside = {};
	WB_CLEAN_BLOB b = {};
	char *save = NULL;
	bool known = false;
	int r;

	/* Of no known size: it grows with the machine. */
	if (f->read(f->ctx, "/proc/iomem", 0, &b, NULL) < 0)
		return 0;
	r = wb_ranges_set(&out, 0, ADDRESS_END, WB_E820_RESERVED);
	for (char *line = strtok_r((char *)b.data, "\n", &save); line && r == 0;
		line = strtok_r(NULL, "\n", &save)) {
		uint64_t start, end;
		char name[64];

		if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : %63[^\n]", &start, &end, name) != 3 ||
			end <= start || end >= ADDRESS_END)
			continue;
		if (*line != ' ' && strcmp(name, "System RAM") == 0) {
			r = wb_ranges_remove(&out, start, end - start + 1);
			known = true;
		} else if (strcasecmp(name, "reserved") == 0 || strcmp(name, "Crash kernel") == 0) {
			r = wb_ranges_set(&inside, start, end - start + 1, WB_E820_RESERVED);
		}
	}
	for (size_t i = 0; i < inside.n && r == 0; i++)
		r = wb_ranges_set(
			&out, inside.items[i].start, inside.items[i].size, WB_E820_RESERVED);
	if (r < 0)
		return wb_fail(err, r, "out of memory while reading /proc/iomem");
	if (known) {
		*avoid = out;
		out = (struct wb_ranges){};
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
	/* The directory is sorted as text; entries are numbered, and their order is kept. */
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

static int read_efi(const struct wb_files *f, struct wb_machine *m, struct wb_error *err)
{
	WB_CLEAN_BLOB systab = {};

	m->efi_fw_vendor = wb_read_number(f, "/sys/firmware/efi/fw_vendor");
	m->efi_tables = wb_read_number(f, "/sys/firmware/efi/config_table");
	if (read_text(f, "/sys/firmware/efi/systab", &systab) == 0) {
		const char *text = (char *)systab.data;

		m->efi_smbios = systab_value(text, "SMBIOS");
		m->rsdp = systab_value(text, "ACPI20");
		if (!m->rsdp)
			m->rsdp = systab_value(text, "ACPI");
	}
	return read_efi_map(f, m, err);
}

static void read_setup_data(const struct wb_files *f, struct wb_machine *m)
{
	static const char dir[] = "/sys/kernel/boot_params/setup_data";
	WB_CLEAN_STRV names = {};

	if (f->list(f->ctx, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s/type", dir, names.items[i]);
		if (wb_read_number(f, path) != SETUP_DTB || m->dtb.size)
			continue;
		snprintf(path, sizeof(path), "%s/%s/data", dir, names.items[i]);
		f->read(f->ctx, path, 64 << 20, &m->dtb, NULL);
	}
}

/*
 * Persistent memory that is so only because the kernel before carved a store out of its RAM. It is
 * RAM again for the next one; this one does not use it as such, so that nothing is placed there.
 */
static int reclaim_store(const struct wb_files *f, struct wb_machine *m, struct wb_error *err)
{
	struct wb_handoff_range *ranges;
	size_t n;
	int r = wb_handoff_store_read(f, &ranges, &n);

	if (r < 0)
		return r == -ENOMEM ? wb_fail(err, r, "out of memory") : 0;
	for (size_t i = 0; i < n && r == 0; i++)
		if (wb_ranges_type(&m->memory, ranges[i].start, ranges[i].size, WB_E820_PRAM))
			r = wb_ranges_set(&m->memory, ranges[i].start, ranges[i].size, WB_E820_RAM);
	free(ranges);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (p = strstr(p, word)); p += n)
		if (p > line && p[-1] == ' ' && (p[n] == ' ' || p[n] == '\n' || !p[n]))
			return true;
	return false;
}

static void read_cpu(const struct wb_files *f, struct wb_machine *m)
{
	WB_CLEAN_BLOB b = {};
	char *flags, *end;

	if (f->exists(f->ctx, "/sys/devices/platform/sev-guest"))
		m->confidential = true;
	/* The first CPU speaks for all; with many of them the file has megabytes. */
	if (f->read_at(f->ctx, "/proc/cpuinfo", 0, CPUINFO_HEAD, &b, NULL) < 0)
		return;
	flags = strstr((char *)b.data, "\nflags");
	if (!flags)
		return;
	end = strchr(flags + 1, '\n');
	if (end)
		*end = 0;
	m->la57 = has_word(flags, "la57");
	if (has_word(flags, "tdx_guest"))
		m->confidential = true;
	/* A virtual machine that sees SEV runs under it, or could start such guests: be careful. */
	if (has_word(flags, "hypervisor") && has_word(flags, "sev"))
		m->confidential = true;
}

char *wb_running_release(const struct wb_files *files)
{
	WB_CLEAN_BLOB b = {};

	if (files->read(files->ctx, "/proc/sys/kernel/osrelease", 4096, &b, NULL) < 0)
		return NULL;
	return strndup((const char *)b.data, strcspn((const char *)b.data, "\n"));
}

uint64_t wb_available_memory(const struct wb_files *files)
{
	WB_CLEAN_BLOB b = {};
	const char *line;

	if (files->read(files->ctx, "/proc/meminfo", 1 << 20, &b, NULL) < 0)
		return UINT64_MAX;
	line = strstr((char *)b.data, "MemAvailable:");
	return line ? strtoull(line + strlen("MemAvailable:"), NULL, 10) << 10 : UINT64_MAX;
}

int wb_machine_read(const struct wb_files *files, struct wb_machine *ret, struct wb_error *err)
{
	WB_CLEAN_MACHINE m = {.arch = wb_arch_native()->id};
	WB_CLEAN_BLOB release = {};
	uint32_t cc_blob;
	int r;

	if (read_text(files, "/proc/sys/kernel/osrelease", &release) == 0)
		snprintf(m.release, sizeof(m.release), "%.*s",
			(int)strcspn((char *)release.data, "\n"), (char *)release.data);
	r = read_memmap(files, &m.memory, err);
	if (r == 0)
		r = read_iomem(files, &m.avoid, err);
	if (r == 0)
		r = reclaim_store(files, &m, err);
	if (r == 0)
		r = read_efi(files, &m, err);
	if (r < 0)
		return r;
	if (files->read(files->ctx, "/sys/kernel/boot_params/data", BP_SIZE, &m.params, NULL) ==
			0 &&
		m.params.size == BP_SIZE) {
		if (!m.rsdp)
			wb_get_le64(wb_blob_view(&m.params), BP_RSDP, &m.rsdp);
		if (wb_get_le32(wb_blob_view(&m.params), BP_CC_BLOB, &cc_blob) && cc_blob)
			m.confidential = true;
	}
	read_setup_data(files, &m);
	read_cpu(files, &m);
	*ret = m;
	m = (struct wb_machine){};
	return 0;
}
