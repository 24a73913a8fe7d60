// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the facts of an x86-64 machine: the firmware's memory map, boot_params, setup_data, the
 * CPU.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/firmware.h"
#include "arch/x86_64.h"

#define SMALL (1 << 20)          /* no text file that is read whole is larger */
#define CPUINFO_HEAD 16384       /* more than one CPU's part of /proc/cpuinfo */
#define NOTE_LIMIT (16 << 20)    /* a store of a million pieces */
#define ADDRESS_END (1ull << 52) /* end of physical addresses */

#define SETUP_DATA "/sys/kernel/boot_params/setup_data"

/* Convert an e820 type. It has numbers that no other machine knows. */
uint32_t wb_x86_memory(uint32_t e820)
{
	switch (e820) {
	case WB_E820_RAM:
		return WB_MEMORY_RAM;
	case WB_E820_RESERVED:
		return WB_MEMORY_RESERVED;
	case WB_E820_PRAM:
		return WB_MEMORY_PERSISTENT;
	case WB_E820_SOFT:
		return WB_MEMORY_ASIDE;
	default:
		return WB_MEMORY_OWN + e820;
	}
}

uint32_t wb_x86_e820(uint32_t memory)
{
	switch (memory) {
	case WB_MEMORY_RAM:
		return WB_E820_RAM;
	case WB_MEMORY_RESERVED:
		return WB_E820_RESERVED;
	case WB_MEMORY_PERSISTENT:
		return WB_E820_PRAM;
	case WB_MEMORY_ASIDE:
		return WB_E820_SOFT;
	default:
		return memory - WB_MEMORY_OWN;
	}
}

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
		{WB_X86_PRAM_NAME, WB_E820_PRAM},
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
		r = wb_ranges_set(
			map, start, end - start + 1, wb_x86_memory(type_of((char *)type.data)));
		if (r < 0)
			return wb_fail(err, r, "%s/%s: cannot take the range", dir, names.items[i]);
	}
	return map->n ? 0 : wb_fail(err, -ENOENT, "%s is empty", dir);
}

static void read_setup_data(const struct wb_files *f, struct wb_machine *m)
{
	WB_CLEAN_STRV names = {};

	if (f->list(f->ctx, SETUP_DATA, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		char path[128];

		snprintf(path, sizeof(path), SETUP_DATA "/%s/type", names.items[i]);
		if (wb_read_number(f, path) != SETUP_DTB || m->dtb.size)
			continue;
		snprintf(path, sizeof(path), SETUP_DATA "/%s/data", names.items[i]);
		f->read(f->ctx, path, 64 << 20, &m->dtb, NULL);
	}
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
	/* Read the part of the first CPU only; with many CPUs the file has megabytes. */
	if (f->read_at(f->ctx, "/proc/cpuinfo", 0, CPUINFO_HEAD, &b, NULL) < 0)
		return;
	flags = strstr((char *)b.data, "\nflags");
	if (!flags)
		return;
	end = strchr(flags + 1, '\n');
	if (end)
		*end = 0;
	if (has_word(flags, "la57"))
		m->own |= WB_X86_LA57;
	if (has_word(flags, "tdx_guest"))
		m->confidential = true;
	/*
	 * A virtual machine with the flag sev runs under SEV, or could start such guests: assume
	 * the first.
	 */
	if (has_word(flags, "hypervisor") && has_word(flags, "sev"))
		m->confidential = true;
}

static void read_boot_params(const struct wb_files *f, struct wb_machine *m)
{
	uint32_t cc_blob;

	if (f->read(f->ctx, "/sys/kernel/boot_params/data", BP_SIZE, &m->boot_data, NULL) < 0 ||
		m->boot_data.size != BP_SIZE)
		return;
	if (!m->rsdp)
		wb_get_le64(wb_blob_view(&m->boot_data), BP_RSDP, &m->rsdp);
	if (wb_get_le32(wb_blob_view(&m->boot_data), BP_CC_BLOB, &cc_blob) && cc_blob)
		m->confidential = true;
}

int wb_x86_read(const struct wb_files *f, struct wb_machine *m, struct wb_error *err)
{
	int r = read_memmap(f, &m->memory, err);

	if (r == 0)
		r = wb_iomem_read(f, ADDRESS_END, m, err);
	if (r == 0)
		r = wb_efi_read(f, m, err);
	if (r < 0)
		return r;
	read_boot_params(f, m);
	read_setup_data(f, m);
	read_cpu(f, m);
	return 0;
}

/* The list has nodes of the firmware and the kernel, too; fn recognises a note by its contents. */
int wb_x86_each_note(
	const struct wb_files *f, int (*fn)(struct wb_bytes note, void *arg), void *arg)
{
	WB_CLEAN_STRV nodes = {};

	if (f->list(f->ctx, SETUP_DATA, &nodes, NULL) < 0)
		return -ENOENT;
	for (size_t i = 0; i < nodes.n; i++) {
		WB_CLEAN_BLOB data = {};
		char path[128];
		int r;

		snprintf(path, sizeof(path), SETUP_DATA "/%s/data", nodes.items[i]);
		if (f->read(f->ctx, path, NOTE_LIMIT, &data, NULL) < 0)
			continue;
		r = fn(wb_blob_view(&data), arg);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

bool wb_x86_may_have_notes(const struct wb_files *f)
{
	return f->exists(f->ctx, SETUP_DATA);
}

/* Documentation/arch/x86/boot.rst, type_of_loader: 0xD is kexec, the low digit a version. */
int wb_x86_by_kexec(const struct wb_files *f)
{
	WB_CLEAN_BLOB loader = {};
	int r = read_text(f, "/proc/sys/kernel/bootloader_type", &loader);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return strtol((const char *)loader.data, NULL, 10) >> 4 == 0xd;
}

static bool take_digits(struct wb_span *text, uint64_t *ret)
{
	struct wb_span digits = {text->s, 0};

	while (digits.n < text->n && text->s[digits.n] >= '0' && text->s[digits.n] <= '9')
		digits.n++;
	*text = (struct wb_span){text->s + digits.n, text->n - digits.n};
	return wb_span_number(digits, 10, ret);
}

/* Both lines print "%lu.%03lu MHz" (arch/x86/kernel/tsc.c). */
uint64_t wb_x86_log_khz(struct wb_span line)
{
	static const char *const heads[] = {
		"tsc: Refined TSC clocksource calibration: ", "tsc: Detected "};
	uint64_t mhz, rest;

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		size_t n = strlen(heads[i]);
		struct wb_span at;

		if (!wb_span_begins(line, heads[i]))
			continue;
		at = (struct wb_span){line.s + n, line.n - n};
		if (!take_digits(&at, &mhz) || !mhz || mhz >= 1000000 || !at.n || *at.s != '.')
			return 0;
		at = (struct wb_span){at.s + 1, at.n - 1};
		return take_digits(&at, &rest) && rest < 1000 ? mhz * 1000 + rest : 0;
	}
	return 0;
}
