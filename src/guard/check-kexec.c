// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: does the running kernel allow a load at all? */
#include "guard/checks.h"

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	struct wb_error why = {};

	/* By file, since signatures are the loader's matter: it never goes on to an unverified way. */
	if (!f->policy || wb_policy_check(f->policy, true, &why) == 0)
		return 0;
	return wb_finding_add(r, WB_SEVERITY_SEVERE, "the running kernel's settings for kexec",
		"reboot through the firmware; a running kernel does not take back what forbids "
		"kexec",
		"%s", why.text);
}

const struct wb_check wb_check_kexec = {
	.id = "kexec",
	.about = "whether the running kernel lets root load another one: "
		 "`kernel.kexec_load_disabled`, "
		 "the limits of loads, a kernel without kexec",
	.look = look,
};
