// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Check: does the image of a hibernated system wait where the next kernel resumes from? The signature is at the end of
 * the first page of the swap area (HIBERNATE_SIG in the kernel's kernel/power/swap.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "guard/checks.h"

#define SIGNATURE "S1SUSPEND"
#define PAGE 4096

/* The device of resume=: a path, or a link that udev makes. NULL: none, or of another kind. */
static int device_of(const char *cmdline, char **ret)
{
	static const struct {
		const char *begins, *dir;
	} kinds[] = {{"UUID=", "/dev/disk/by-uuid/"}, {"PARTUUID=", "/dev/disk/by-partuuid/"},
		{"LABEL=", "/dev/disk/by-label/"}, {"/dev/", "/dev/"}};
	WB_CLEAN_STR value = NULL;
	int r = wb_cmdline_get(cmdline, "resume", &value);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t n = strlen(kinds[i].begins);

		if (strncmp(value, kinds[i].begins, n) || strstr(value, ".."))
			continue;
		*ret = wb_strf("%s%s", kinds[i].dir, value + n);
		return *ret ? 0 : -ENOMEM;
	}
	return 0;
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STR device = NULL;
	WB_CLEAN_BLOB page = {};
	struct wb_error why = {};
	int e = f->cmdline && !wb_cmdline_has(f->cmdline, "noresume")
			? device_of(f->cmdline, &device)
			: 0;

	if (e < 0 || !device)
		return e;
	e = f->files->read_at(f->files->ctx, device, 0, PAGE, &page, &why);
	if (e == -ENOENT)
		return 0;
	if (e < 0)
		return wb_fail(err, e, "%s", why.text);
	if (page.size < PAGE ||
		memcmp(page.data + PAGE - 10, SIGNATURE, sizeof(SIGNATURE) - 1) != 0)
		return 0;
	return wb_finding_add(r, WB_SEVERITY_SEVERE, device,
		"make the swap area anew with mkswap(8), or add noresume to the command line",
		"the image of a hibernated system waits there, and the next kernel would resume it "
		"over "
		"file systems that have changed since");
}

const struct wb_check wb_check_hibernation = {
	.id = "hibernation",
	.about = "a hibernated system's image where the next kernel resumes from",
	.look = look,
};
