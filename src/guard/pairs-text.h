/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger of kernel pairs for people and for programs. */
#pragma once

#include "guard/pairs.h"

/* The machine for which the ledger is shown, and the kernel that runs there. */
struct wb_pairs_view {
	const struct wb_machine_class *class;
	const char *running, *running_name; /* its id and its name (core/kernel-id.h) */
};

/* The pairs of this class as a text; those from the running kernel are marked. *ret to be freed. -ENOMEM. */
int wb_pairs_text(const struct wb_pairs *pairs, const struct wb_pairs_view *view, char **ret);
/* All pairs by docs/pairs.schema.json. *ret to be freed. -ENOMEM. */
int wb_pairs_json(const struct wb_pairs *pairs, const struct wb_pairs_view *view, char **ret);
/* The class of this machine alone, as {"hash": …, "plain": {…}}. *ret to be freed. -ENOMEM. */
int wb_pairs_class_json(const struct wb_machine_class *class, char **ret);
