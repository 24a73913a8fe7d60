// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ubuntu's command "hwmatch", which asks for a PCI device. */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grub/hwmatch.h"
#include "grubscript/path.h"

static unsigned int pci_number(const struct wb_files *files, const char *device, const char *name)
{
	char path[320];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.200s/%s", device, name);
	return (unsigned int)wb_read_number(files, path);
}

/* Does a line of the text match? -1: a line is not one of the supported simple patterns. */
static int hardware_fits(const char *text, const char *id)
{
	int found = 0;

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char line[128];
		size_t n = strcspn(p, "\r\n");
		regex_t regex;

		if (!n || *p == '#')
			continue;
		/* Skip patterns that could take long. */
		if (n > 100 || strspn(p, "0123456789abcdefABCDEFvsdc.*[]-") < n)
			return -1;
		snprintf(line, sizeof(line), "^%.*s$", (int)n, p);
		if (regcomp(&regex, line, REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		found |= regexec(&regex, id, 0, NULL, 0) == 0;
		regfree(&regex);
	}
	return found;
}

/*
 * Ubuntu's "hwmatch FILE CLASS" sets "match" to whether a PCI device of that class matches a line
 * of the file.
 */
int wb_grub_cmd_hwmatch(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STR file = NULL;
	WB_CLEAN_STRV devices = {};
	WB_CLEAN_BLOB text = {};
	struct wb_error ignored = {};
	const char *why;
	int found = 0, r;

	g->status = WB_GRUB_ERROR;
	if (args->n < 3)
		return 0;
	r = wb_grub_locate(g, args->items[1], &file, &why);
	if (r < 0)
		return r;
	if (r == WB_GRUB_ABSENT)
		return 0;
	if (r == WB_GRUB_FOUND)
		r = g->files->read(g->files->ctx, file, WB_TEXT_LIMIT, &text, &ignored);
	if (r == 0)
		r = g->files->list(g->files->ctx, "/sys/bus/pci/devices", &devices, &ignored);
	if (r == -ENOMEM)
		return r;
	g->status = r ? -1 : 0;
	for (size_t i = 0; i < devices.n && found == 0; i++) {
		const char *d = devices.items[i];
		unsigned int class = pci_number(g->files, d, "class");
		char id[80];

		if (class >> 16 != (unsigned int)strtoul(args->items[2], NULL, 10))
			continue;
		snprintf(id, sizeof(id), "v%04xd%04xsv%04xsd%04xbc%02xsc%02x",
			pci_number(g->files, d, "vendor"), pci_number(g->files, d, "device"),
			pci_number(g->files, d, "subsystem_vendor"),
			pci_number(g->files, d, "subsystem_device"), class >> 16,
			class >> 8 & 0xff);
		found = hardware_fits((char *)text.data, id);
	}
	return wb_grub_set(g, "match",
		g->status < 0 || found < 0 ? WB_GRUB_UNKNOWN_TEXT
		: found                    ? "1"
					   : "0");
}
