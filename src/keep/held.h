/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Are the packets of all of a unit's connections held already? CRIU would make rules for nft(8) of its own, a table for
 * each unit. Each later run of CRIU reads all of them, so with many units that takes longer than the rest of the freeze.
 */
#pragma once

#include "manifest/manifest.h"

/*
 * The unit stands still, and the packet hold is one for u->ends, as a look has left them. 1: that has every connection of its processes, 0: one
 * has begun since the unit was looked at. Only for a unit in the machine's network namespace. Negative errno with a
 * sentence.
 */
int wb_held_has_all(
	const struct wb_files *files, const struct wb_manifest_unit *u, struct wb_error *err);
