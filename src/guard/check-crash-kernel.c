// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: does a crash kernel get lost? */
#include "core/cmdline.h"
#include "guard/checks.h"

/* The flat name is the older one (Documentation/ABI/obsolete/sysfs-kernel-kexec-kdump). */
static const char *loaded(const struct wb_check_facts *f)
{
	static const char *const paths[] = {
		"/sys/kernel/kexec/crash_loaded", "/sys/kernel/kexec_crash_loaded", NULL};

	for (const char *const *path = paths; *path; path++)
		if (wb_read_number(f->files, *path))
			return *path;
	return NULL;
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	const char *path = loaded(f);

	if (!path || !f->cmdline || wb_cmdline_has(f->cmdline, "crashkernel"))
		return 0;
	return wb_finding_add(r, WB_SEVERITY_WARNING, path,
		"add crashkernel= to the next kernel's command line",
		"a crash kernel is loaded now, and the next kernel reserves no memory for one "
		"(crashkernel=)");
}

const struct wb_check wb_check_crash_kernel = {
	.id = "crash-kernel",
	.about = "whether the next kernel reserves memory for the crash kernel that this one has",
	.look = look,
};
