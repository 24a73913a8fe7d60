// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: is the boot entry understood, and its kernel there? */
#include "guard/checks.h"

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	if (f->kernel && !f->files->exists(f->files->ctx, f->kernel))
		return wb_finding_add(r, WB_SEVERITY_SEVERE, f->kernel,
			"install the kernel's package again, or choose another entry",
			"the boot entry %s names a kernel that is not there", f->entry);
	if (!f->lacks)
		return 0;
	return wb_finding_add(r, WB_SEVERITY_WARNING, f->entry,
		"choose another entry, or reboot through the firmware",
		"the jump lacks something that the boot loader would provide: %s", f->lacks);
}

const struct wb_check wb_check_entry = {
	.id = "entry",
	.about = "whether the boot entry's kernel is there, and the entry is understood as a whole",
	.look = look,
};
