/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of a change of the own ledger: how lines are found, counted, and written within their room. */
#pragma once

#include "guard/pairs-change.h"

/* The pair with this id in the list, or NULL. */
struct wb_pairs_line *wb_pairs_find(const struct wb_pairs *pairs, const char *id);
/* Is a pair of this class in the list? */
bool wb_pairs_has_class(const struct wb_pairs *pairs, const char *class);
/* A new line of this kind at the end of the own ledger. NULL: out of memory. */
struct wb_pairs_line *wb_pairs_new_line(struct wb_pairs *pairs, enum wb_pairs_kind kind);
/*
 * Add what `from` knows of the same pair: the higher count, the earlier first time, the later last time with its cause.
 * Was anything new? `from` may lose strings by it.
 */
bool wb_pairs_merge(struct wb_pairs_line *to, struct wb_pairs_line *from);
/* Remove a line. */
void wb_pairs_remove(struct wb_pairs *pairs, size_t at);
/* Write down a class in plain words, unless it is. 1: it was new; 0; -ENOMEM. */
int wb_pairs_add_machine(struct wb_pairs *pairs, const struct wb_machine_class *plain);
/* The bytes that the line will have. Negative errno: -ENOMEM. */
int64_t wb_pairs_line_size(const struct wb_pairs_line *line);
/* The same of all lines. */
int64_t wb_pairs_size(const struct wb_pairs *pairs);
/* Make room, except by line `kept` (SIZE_MAX: by any), and write the file. -ENOSPC; errors of writing. */
int wb_pairs_save(
	const struct wb_sys *sys, struct wb_pairs *pairs, size_t kept, struct wb_error *err);
