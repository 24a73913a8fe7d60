// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: does the running kernel have patches that the next one lacks? */
#include <string.h>

#include "core/text.h"
#include "guard/checks.h"

/* Documentation/ABI/testing/sysfs-kernel-livepatch */
static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	static const char dir[] = "/sys/kernel/livepatch";
	WB_CLEAN_STRV patches = {};
	int e = wb_check_list(f, dir, &patches, err);

	for (size_t i = 0; e > 0 && i < patches.n; i++) {
		WB_CLEAN_STR path = wb_strf("%s/%s/enabled", dir, patches.items[i]);

		if (!path)
			return wb_oom(err);
		if (!wb_read_number(f->files, path))
			continue;
		e = wb_finding_add(r, WB_SEVERITY_WARNING, path,
			"look whether the next kernel has the mended code, or a livepatch of its "
			"own "
			"is installed",
			"the running kernel is patched by %s, and the next one begins without it",
			patches.items[i]);
		e = e < 0 ? e : 1;
	}
	return e < 0 ? e : 0;
}

const struct wb_check wb_check_livepatch = {
	.id = "livepatch",
	.about = "livepatches in force, with which the next kernel does not begin",
	.look = look,
};
