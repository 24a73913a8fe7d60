// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keeping a unit by an ordinary stop and start: systemd does both, and every unit can be kept so. */
#include "keep/ways.h"

const struct wb_keep_means wb_way_restart = {
	.how = WB_KEEP_RESTART,
};
