/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An owned, growing list of owned strings. `{}` is the valid empty list. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct wb_strv {
	char **items; /* n strings, then NULL; items itself is NULL while empty */
	size_t n;
};

/* Copies `s`. -ENOMEM. */
int wb_strv_add(struct wb_strv *v, const char *s);
/* Add all of these, which end with NULL. -ENOMEM: some are added. */
int wb_strv_add_all(struct wb_strv *v, const char *const *words);
/* Add all of `from` to `ret`. -ENOMEM: some are added. */
int wb_strv_copy(const struct wb_strv *from, struct wb_strv *ret);
/* Add a text made by printf(3). */
int wb_strv_addf(struct wb_strv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int wb_strv_vaddf(struct wb_strv *v, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/* Add `s` unless the list has it. */
int wb_strv_add_once(struct wb_strv *v, const char *s);
bool wb_strv_has(const struct wb_strv *v, const char *s);
void wb_strv_sort(struct wb_strv *v);
void wb_strv_deinit(struct wb_strv *v);

#define WB_CLEAN_STRV __attribute__((cleanup(wb_strv_deinit))) struct wb_strv

/* asprintf(3), but NULL if there is no memory. The result is to be freed. */
char *wb_strf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* free() for `char *` scopes. */
void wb_freep(void *p);
#define WB_CLEAN_STR __attribute__((cleanup(wb_freep))) char *
