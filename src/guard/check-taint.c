// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: has the running kernel failed before, or modules of others? */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "guard/checks.h"

/* Documentation/admin-guide/tainted-kernels.rst */
static const struct {
	unsigned bit;
	enum wb_severity severity;
	const char *what;
} taints[] = {
	{7, WB_SEVERITY_SEVERE,
		"the running kernel has died once (oops), and its state cannot be "
		"trusted (taint D)"},
	{4, WB_SEVERITY_SEVERE, "a processor reported a machine check exception (taint M)"},
	{5, WB_SEVERITY_WARNING, "the running kernel found a damaged page (taint B)"},
	{9, WB_SEVERITY_WARNING, "the running kernel has warned of a fault of its own (taint W)"},
	{14, WB_SEVERITY_WARNING, "a processor was stuck in the running kernel (taint L)"},
};

static int check_modules(
	const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STRV modules = {};
	int e = wb_check_list(f, "/sys/module", &modules, err);

	for (size_t i = 0; e > 0 && i < modules.n; i++) {
		WB_CLEAN_STR path = wb_strf("/sys/module/%s/taint", modules.items[i]);
		WB_CLEAN_BLOB letters = {};

		if (!path)
			return wb_oom(err);
		if (wb_check_read(f, path, &letters, NULL) <= 0 ||
			!strpbrk((const char *)letters.data, "OP"))
			continue;
		e = wb_finding_add(r, WB_SEVERITY_WARNING, path,
			"look whether that module is built for the next kernel, too (dkms(8)), and "
			"whether its driver stops its device; unload it before the jump if not",
			"the module %s is not the kernel's own", modules.items[i]);
		e = e < 0 ? e : 1;
	}
	return e < 0 ? e : 0;
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	static const char path[] = "/proc/sys/kernel/tainted";
	uint64_t set = wb_read_number(f->files, path);

	for (size_t i = 0; i < sizeof(taints) / sizeof(*taints); i++) {
		int e;

		if (!(set >> taints[i].bit & 1))
			continue;
		e = wb_finding_add(r, taints[i].severity, path,
			"look at the kernel's log (\"journalctl -k\"), and reboot through the "
			"firmware if in doubt",
			"%s", taints[i].what);
		if (e < 0)
			return e;
	}
	return check_modules(f, r, err);
}

const struct wb_check wb_check_taint = {
	.id = "taint",
	.about = "whether the running kernel has failed before (taints D, M, B, W, L), and which "
		 "modules are not its own",
	.look = look,
};
