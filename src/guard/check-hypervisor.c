// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: does a hypervisor or encrypted memory stand in the way? */
#include <string.h>

#include "core/text.h"
#include "guard/checks.h"

static bool says(const struct wb_check_facts *f, const char *path, const char *word)
{
	WB_CLEAN_BLOB text = {};

	return wb_check_read(f, path, &text, NULL) > 0 && strstr((const char *)text.data, word);
}

static int check_xen(const struct wb_check_facts *f, struct wb_check_report *r)
{
	static const char type[] = "/sys/hypervisor/guest_type", host[] = "/proc/xen/capabilities";

	if (says(f, host, "control_d"))
		return wb_finding_add(r, WB_SEVERITY_SEVERE, host, "reboot through the firmware",
			"this is the host of Xen: only the hypervisor could enter another kernel");
	if (says(f, type, "PV") && !says(f, type, "PVH"))
		return wb_finding_add(r, WB_SEVERITY_SEVERE, type,
			"reboot the domain from its host",
			"this is a paravirtual guest of Xen, which cannot enter another kernel");
	return 0;
}

/*
 * The kernel converts such memory back at a jump, and only warns if that fails. Its drivers make these devices
 * (Documentation/virt/coco).
 */
static int check_encrypted(const struct wb_check_facts *f, struct wb_check_report *r)
{
	static const char *const devices[] = {"/dev/tdx_guest", "/dev/sev-guest", NULL};

	for (const char *const *path = devices; *path; path++)
		if (f->files->exists(f->files->ctx, *path))
			return wb_finding_add(r, WB_SEVERITY_WARNING, *path,
				"try the jump on a machine of this kind that nobody needs",
				"this is a guest with encrypted memory: the next kernel fails if "
				"the "
				"running one cannot convert all of it back");
	return 0;
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	int e = check_xen(f, r);

	return e < 0 ? e : check_encrypted(f, r);
}

const struct wb_check wb_check_hypervisor = {
	.id = "hypervisor",
	.about = "whether this is a host or a paravirtual guest of Xen, or a guest with encrypted "
		 "memory (TDX, SEV-SNP)",
	.look = look,
};
