/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running other programs, and writing to files of /proc: behind a table, so that tests watch it. */
#pragma once

#include "sys/spawn.h"

struct wb_runner {
	void *ctx;
	/* wb_spawn() */
	int (*run)(void *ctx, const struct wb_spawn *how, struct wb_blob *ret_output,
		struct wb_error *err);
	/* Write to an existing file of /proc or /sys. Negative errno; no sentence. */
	int (*poke)(void *ctx, const char *path, const char *text);
};

extern const struct wb_runner wb_runner_host;

/* poke() of the host, with a path below the directory `dir` (AT_FDCWD: as openat(2) takes it). */
int wb_poke_at(int dir, const char *path, const char *text);
/* Cut the last line that is not empty out of a program's messages, in place. Never NULL; borrowed. */
const char *wb_last_line(struct wb_blob *said);

/*
 * Run argv with `input`, for at most half a minute. A status other than 0 is -EIO with the last
 * line of its output. ret NULL: its output is not wanted.
 */
int wb_run(const struct wb_runner *runner, const char *const *argv, struct wb_bytes input,
	struct wb_blob *ret, struct wb_error *err);
/* wb_run() with a limit of `ms` milliseconds; 0: half a minute. */
int wb_run_for(const struct wb_runner *runner, const char *const *argv, long ms,
	struct wb_blob *ret, struct wb_error *err);
/* wb_run() for a program that prints data: all of it, or -EFBIG. */
int wb_run_data(const struct wb_runner *runner, const char *const *argv, struct wb_blob *ret,
	struct wb_error *err);
/* Words as input. */
static inline struct wb_bytes wb_text(const char *s)
{
	return (struct wb_bytes){(const uint8_t *)s, __builtin_strlen(s)};
}
