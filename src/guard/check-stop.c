// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: may a service hold the shutdown up? */
#include <errno.h>

#include "guard/checks.h"

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STRV slow = {};
	int e = f->ops->slow_stops(f->ctx, &slow, err);

	for (size_t i = 0; e == 0 && i < slow.n; i++)
		e = wb_finding_add(r, WB_SEVERITY_NOTE, "systemctl show --property=TimeoutStopUSec",
			"set TimeoutStopSec= in a drop-in of the unit", "%s", slow.items[i]);
	return e;
}

const struct wb_check wb_check_stop = {
	.id = "stop",
	.about = "running services that may take more than five minutes to stop",
	.look = look,
};
