/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only reader of fstab(5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One line, with escapes undone. A field that the line lacks is "". */
struct wb_fstab_line {
	char *what, *where, *type;
	char *options; /* as written: a comma in a value is \054 */
};

struct wb_fstab {
	struct wb_fstab_line *items;
	size_t n;
};

/* Parse the text; comments and lines with fewer than two fields are left out. Pure. -ENOMEM. */
int wb_fstab_parse(const char *text, struct wb_fstab *ret);
void wb_fstab_deinit(struct wb_fstab *fstab);
#define WB_CLEAN_FSTAB __attribute__((cleanup(wb_fstab_deinit))) struct wb_fstab

/* Has the line this option, with or without a value? */
bool wb_fstab_has_option(const struct wb_fstab_line *line, const char *name);
