// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: are the next kernel's modules there? */
#include "core/text.h"
#include "guard/checks.h"

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STR dir = NULL;
	WB_CLEAN_STR index = NULL;

	if (!f->release)
		return wb_finding_add(r, WB_SEVERITY_WARNING, f->kernel ? f->kernel : "no kernel",
			"look whether this file is a kernel, and whether its modules are installed",
			"the release of the next kernel is not known, so nothing is known of its "
			"modules");
	dir = wb_strf("/lib/modules/%s", f->release);
	index = wb_strf("/lib/modules/%s/modules.dep", f->release);
	if (!dir || !index)
		return wb_oom(err);
	if (!f->files->exists(f->files->ctx, dir))
		return wb_finding_add(r, WB_SEVERITY_SEVERE, dir,
			"install the kernel's package again, or silence this check if the kernel "
			"has "
			"everything built in",
			"the next kernel's modules are not there: %s does not exist", dir);
	if (!f->files->exists(f->files->ctx, index))
		return wb_finding_add(r, WB_SEVERITY_SEVERE, index,
			"run \"depmod\" for that release",
			"the next kernel's modules have no index, so none of them would be found");
	return 0;
}

const struct wb_check wb_check_modules = {
	.id = "modules",
	.about = "whether `/lib/modules/RELEASE` of the next kernel exists, with its index",
	.look = look,
};
