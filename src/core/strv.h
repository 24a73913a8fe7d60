/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An owned, growing list of owned strings. `{}` is the valid empty list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct wb_strv {
	char **items; /* n strings, then NULL; items itself is NULL while empty */
	size_t n;
};

/* Copies `s`. -ENOMEM. */
int wb_strv_add(struct wb_strv *v, const char *s);
bool wb_strv_has(const struct wb_strv *v, const char *s);
void wb_strv_sort(struct wb_strv *v);
void wb_strv_deinit(struct wb_strv *v);

#define WB_CLEAN_STRV __attribute__((cleanup(wb_strv_deinit))) struct wb_strv

/* free() for `char *` scopes. */
void wb_freep(void *p);
#define WB_CLEAN_STR __attribute__((cleanup(wb_freep))) char *
