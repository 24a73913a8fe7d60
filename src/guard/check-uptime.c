// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: would systemd hold the shutdown up? */
#include <inttypes.h>
#include <stdlib.h>

#include "core/cmdline.h"
#include "core/text.h"
#include "guard/checks.h"

/* kernel-command-line(7): systemd delays a shutdown until the machine has been up for so long. */
static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	static const char path[] = "/proc/cmdline";
	uint64_t up = f->ops->boot_ns(f->ctx) / 1000000000u, least;
	WB_CLEAN_BLOB cmdline = {};
	WB_CLEAN_STR value = NULL;
	int e = wb_check_read(f, path, &cmdline, err);

	if (e <= 0)
		return e;
	if (wb_cmdline_get((const char *)cmdline.data, "systemd.minimum_uptime_sec", &value) < 0)
		return 0;
	least = strtoull(value, NULL, 10);
	if (up >= least)
		return 0;
	return wb_finding_add(r, WB_SEVERITY_NOTE, path,
		"wait, or leave the word out of the next command line",
		"systemd delays the shutdown by %" PRIu64 " s (systemd.minimum_uptime_sec=)",
		least - up);
}

const struct wb_check wb_check_uptime = {
	.id = "uptime",
	.about = "a shortest time between two boots (`systemd.minimum_uptime_sec=`)",
	.look = look,
};
