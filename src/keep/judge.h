/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The decision how a unit is kept: the ladder of the ways of keeping, from the highest rung down. */
#pragma once

#include "keep/ways.h"

/*
 * Decide by facts. Each rung is judged until one that is not higher than the configured way can keep the
 * unit; the lowest always can. `ways` NULL: wb_ways_all; `config` NULL: auto, no files. Pure; -ENOMEM,
 * and -ESRCH with a sentence when the unit is not active and so there is nothing to keep.
 */
int wb_keep_judge(const struct wb_keep_means *const *ways, const struct wb_keep_facts *facts,
	const struct wb_keep_config *config, struct wb_keep_verdict *ret, struct wb_error *err);
/* Gather the facts and judge. -ENOENT there is no such unit, and as above. */
int wb_keep_look(const struct wb_keep_means *const *ways, const struct wb_keep_look *look,
	const char *unit, const struct wb_keep_config *config, struct wb_keep_verdict *ret,
	struct wb_error *err);
/* Write the verdict into a unit's part of the manifest, in place of an earlier one. -ENOMEM. */
int wb_keep_record(const struct wb_keep_means *const *ways, const struct wb_keep_verdict *verdict,
	struct wb_manifest_unit *u, struct wb_error *err);
