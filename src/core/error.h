/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the library reports failure: functions return 0 (or a count) on success and a negative
 * errno on failure, and the site that knows the reason records one sentence for the user.
 */
#pragma once

#include <stdbool.h>

/* One recorded reason. Caller's storage; zero-initialise with `= {}` before use. */
struct wb_error {
	int code;       /* negative errno, 0 while nothing failed */
	char text[512]; /* one sentence: what is wrong, where, what to do; no newline */
};

/*
 * Make a message safe to print. It can contain names of files, processes and sockets that others
 * chose. Control characters, which a terminal obeys, and bytes that are no UTF-8 become "?", in
 * place.
 */
void wb_make_plain(char *text);
/* Would that change nothing? */
bool wb_is_plain(const char *text);
/* A copy that is made plain, to be freed. NULL: out of memory. */
char *wb_plain_copy(const char *text);

/*
 * Record a reason, made plain, and return `code` (a negative errno), so that a site can
 * `return wb_fail(err, -EINVAL, "...")`. `err` may be NULL.
 */
int wb_fail(struct wb_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Record "out of memory" and return -ENOMEM. */
int wb_oom(struct wb_error *err);

/*
 * Put context ("file /boot/x: ") in front of a sentence recorded deeper down. Returns err->code,
 * or `code` when `err` is NULL.
 */
int wb_fail_in(struct wb_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
