// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of the ways of keeping. */
#include "keep/ways.h"

const struct wb_keep_means *const wb_ways_all[] = {
	&wb_way_container,
	&wb_way_process,
	&wb_way_vm,
	&wb_way_domain,
	&wb_way_restart,
	NULL,
};

const struct wb_keep_means *wb_way_find(
	const struct wb_keep_means *const *ways, enum wb_keep_how how)
{
	static const struct wb_keep_means nothing = {.how = WB_KEEP_NONE};

	for (ways = ways ? ways : wb_ways_all; *ways; ways++)
		if ((*ways)->how == how)
			return *ways;
	return &nothing;
}
