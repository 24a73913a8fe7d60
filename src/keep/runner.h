/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How this room acts on the machine beside struct wb_sys: behind a table, so that tests watch it. */
#pragma once

#include "sys/spawn.h"

struct wb_runner {
	void *ctx;
	/* wb_spawn() */
	int (*run)(void *ctx, const struct wb_spawn *how, struct wb_blob *ret_output,
		struct wb_error *err);
	/* Write to a file of /proc or /sys that is there. Negative errno; no sentence. */
	int (*poke)(void *ctx, const char *path, const char *text);
};

extern const struct wb_runner wb_runner_host;

/*
 * Run argv with `input`, for at most half a minute. A status other than 0 is -EIO with the last line
 * that it printed. ret NULL: its output is not wanted.
 */
int wb_run(const struct wb_runner *runner, const char *const *argv, struct wb_bytes input,
	struct wb_blob *ret, struct wb_error *err);
/* The same for a program that prints data: all of it, or -EFBIG. */
int wb_run_data(const struct wb_runner *runner, const char *const *argv, struct wb_blob *ret,
	struct wb_error *err);
/* Words as input. */
static inline struct wb_bytes wb_text(const char *s)
{
	return (struct wb_bytes){(const uint8_t *)s, __builtin_strlen(s)};
}
