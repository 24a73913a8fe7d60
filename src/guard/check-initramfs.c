// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: is the next kernel's initramfs newer than its modules? */
#include <errno.h>
#include <string.h>

#include "core/text.h"
#include "guard/checks.h"

/* A package manager writes both within seconds, in either order. */
#define SLACK_NS (120 * 1000000000LL)

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STR index = f->release ? wb_strf("/lib/modules/%s/modules.dep", f->release) : NULL;
	int64_t modules, image;

	if (f->release && !index)
		return wb_oom(err);
	if (!index || !f->n_initrds || f->ops->changed_ns(f->ctx, index, &modules) < 0)
		return 0;
	for (size_t i = 0; i < f->n_initrds; i++) {
		int e = f->ops->changed_ns(f->ctx, f->initrds[i], &image);

		if (e == -ENOENT)
			return wb_finding_add(r, WB_SEVERITY_SEVERE, f->initrds[i],
				"make it again: \"update-initramfs -c -k RELEASE\", or dracut",
				"the next kernel's initramfs is not there");
		/* The last one is the kernel's own. Those before it hold microcode, for example. */
		if (e < 0 || i + 1 < f->n_initrds || image + SLACK_NS >= modules)
			continue;
		return wb_finding_add(r, WB_SEVERITY_WARNING, f->initrds[i],
			"make it again: \"update-initramfs -u -k RELEASE\", or dracut",
			"the next kernel's initramfs is older than its modules (%s)", index);
	}
	return 0;
}

const struct wb_check wb_check_initramfs = {
	.id = "initramfs",
	.about = "whether the next kernel's initramfs is there, and not older than its modules",
	.look = look,
};
