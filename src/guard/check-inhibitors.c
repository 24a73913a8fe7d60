// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: does a program ask for no shutdown now? */
#include <errno.h>

#include "guard/checks.h"

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STRV who = {};
	int e = f->ops->inhibitors(f->ctx, &who, err);

	for (size_t i = 0; e == 0 && i < who.n; i++)
		e = wb_finding_add(r, WB_SEVERITY_SEVERE, "systemd-inhibit --list",
			"wait until it is done, or give --ignore-inhibitors", "%s", who.items[i]);
	return e;
}

const struct wb_check wb_check_inhibitors = {
	.id = "inhibitors",
	.about = "programs that ask for no shutdown now (`systemd-inhibit(1)`)",
	.look = look,
};
