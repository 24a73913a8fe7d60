// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading sysfs about a PCI device (Documentation/PCI/sysfs-pci.rst). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "guard/pci.h"

#define DEVICES "/sys/bus/pci/devices"
#define IORESOURCE_MEM 0x200u /* linux/ioport.h */
#define SMALL 65536

/* "0000:00:1f.0" and nothing else. */
static bool is_name(const char *name)
{
	return strlen(name) == WB_PCI_NAME - 1 &&
	       strspn(name, "0123456789abcdef:.") == WB_PCI_NAME - 1 &&
	       !strncmp(name, "0000:", 5) && name[7] == ':' && name[10] == '.';
}

static uint64_t number_of(const struct wb_files *files, const char *name, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", name, what);
	return wb_read_number(files, path);
}

int wb_pci_find(const struct wb_files *files, bool (*is)(uint16_t vendor, uint16_t device),
	char ret[WB_PCI_NAME], struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, DEVICES, &names, err);

	if (r == -ENOENT)
		return 0;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		const char *name = names.items[i];

		if (!is_name(name) || !is((uint16_t)number_of(files, name, "vendor"),
					      (uint16_t)number_of(files, name, "device")))
			continue;
		memcpy(ret, name, WB_PCI_NAME);
		return 1;
	}
	return r;
}

int wb_pci_config(
	const struct wb_files *files, const char *name, uint8_t ret[256], struct wb_error *err)
{
	WB_CLEAN_BLOB bytes = {};
	char path[64];
	int r;

	snprintf(path, sizeof(path), DEVICES "/%s/config", name);
	r = files->read_at(files->ctx, path, 0, 256, &bytes, err);
	if (r < 0)
		return r;
	if (bytes.size < 256)
		return wb_fail(err, -EACCES, "only root can read the registers of %s", name);
	if (bytes.data[0] == 0xff && bytes.data[1] == 0xff)
		return wb_fail(err, -EIO, "the device %s does not answer", name);
	memcpy(ret, bytes.data, 256);
	return 0;
}

/* Two digits, or one for a function. */
static unsigned int digits(const char *s, size_t n)
{
	uint64_t v = 0;

	wb_span_number((struct wb_span){s, n}, 16, &v);
	return (unsigned int)v;
}

uint64_t wb_pci_address(const char *name)
{
	return digits(name + 5, 2) << 16 | (digits(name + 8, 2) & 31) << 11 |
	       (digits(name + 11, 1) & 7) << 8;
}

/* ---- memory ---- */

struct area {
	uint64_t start, end; /* the last byte */
	uint64_t flags;
};

static bool overlaps(const struct area *a, uint64_t base, uint64_t size)
{
	return a->start < base + size && a->end >= base;
}

/* A line of `resource`: "0xSTART 0xEND 0xFLAGS"; one that is empty has only zeroes. */
static bool read_area(struct wb_span line, struct area *ret)
{
	struct wb_span word[3];
	uint64_t v[3];

	if (!wb_take_words(&line, word, 3))
		return false;
	for (int i = 0; i < 3; i++)
		if (word[i].n < 3 ||
			!wb_span_number((struct wb_span){word[i].s + 2, word[i].n - 2}, 16, &v[i]))
			return false;
	*ret = (struct area){v[0], v[1], v[2]};
	return v[1] > v[0];
}

/* Does memory of another device overlap? Bridges hold windows around the devices behind them. */
static int check_others(const struct wb_files *files, const char *name, uint64_t base,
	uint64_t size, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, DEVICES, &names, err);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		WB_CLEAN_BLOB text = {};
		struct wb_span line;
		struct area a;
		char path[300];
		const char *p;

		snprintf(path, sizeof(path), DEVICES "/%s/resource", names.items[i]);
		if (!strcmp(names.items[i], name) ||
			files->read(files->ctx, path, SMALL, &text, NULL) < 0)
			continue;
		p = (const char *)text.data;
		for (int n = 0; n < 6 && wb_take_line(&p, &line); n++)
			if (read_area(line, &a) && a.flags & IORESOURCE_MEM &&
				overlaps(&a, base, size))
				return wb_fail(err, -EOPNOTSUPP,
					"its registers at %#" PRIx64 " are shared with %s", base,
					names.items[i]);
	}
	return r;
}

int wb_check_no_ram(
	const struct wb_files *files, uint64_t base, uint64_t size, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	struct wb_span line, where, what, word, from, to;
	bool seen = false;
	const char *p;
	int r = files->read(files->ctx, "/proc/iomem", 0, &text, err);

	if (r < 0)
		return r;
	p = (const char *)text.data;
	while (wb_take_line(&p, &line)) {
		struct area a = {};

		if (!wb_span_split(line, ':', &where, &what) || !wb_span_is(what, " System RAM") ||
			!wb_take_word(&where, &word) || !wb_span_split(word, '-', &from, &to) ||
			!wb_span_number(from, 16, &a.start) || !wb_span_number(to, 16, &a.end))
			continue;
		/* To others than root, the kernel shows only zeroes. */
		seen |= a.end != 0;
		if (a.end && overlaps(&a, base, size))
			return wb_fail(err, -EOPNOTSUPP,
				"memory lies where its registers should be (%#" PRIx64 ")", base);
	}
	return seen ? 0 : wb_fail(err, -EACCES, "only root can read the map of the memory");
}

int wb_pci_check_memory(const struct wb_files *files, const char *name, unsigned int index,
	uint64_t base, uint64_t size, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	struct wb_span line = {};
	struct area a = {};
	char path[64];
	const char *p;
	int r;

	snprintf(path, sizeof(path), DEVICES "/%s/resource", name);
	r = files->read(files->ctx, path, SMALL, &text, err);
	if (r < 0)
		return r;
	p = (const char *)text.data;
	for (unsigned int i = 0; i <= index; i++)
		if (!wb_take_line(&p, &line))
			line = (struct wb_span){};
	if (!read_area(line, &a) || !(a.flags & IORESOURCE_MEM) || a.start > base ||
		a.end < base + size - 1)
		return wb_fail(err, -EOPNOTSUPP,
			"its registers at %#" PRIx64 " do not lie in the memory that %s has", base,
			name);
	r = wb_check_no_ram(files, base, size, err);
	return r < 0 ? r : check_others(files, name, base, size, err);
}
