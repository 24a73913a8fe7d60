/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running another program (nft, ip, modprobe, criu, systemctl) and collecting its output. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/bytes.h"
#include "core/error.h"

/* The longest time that a program may take, in milliseconds. */
#define WB_SPAWN_LONGEST_MS (10 * 60 * 1000)

/*
 * Wait for a child, at most `ms` milliseconds: 0, -ETIME it has not ended, or -ECHILD. The child is
 * not killed. *ret_status as from waitpid(2); NULL: not wanted.
 */
int wb_reap(pid_t pid, unsigned ms, int *ret_status);
/* Kill a child and wait for it; -ETIME: the kernel does not end it (a file system that hangs). */
int wb_kill_and_reap(pid_t pid, int *ret_status);

/* Messages longer than this lose their beginning. */
#define WB_SPAWN_OUTPUT (256 << 10)

struct wb_spawn {
	const char *const *argv; /* NULL-terminated; argv[0] is looked for in PATH */
	struct wb_bytes input;   /* its standard input; empty: /dev/null */
	/* When it is over, the program and its process group are killed: -ETIME. 0: the longest. */
	long deadline_ms;
	/*
	 * Namespace to enter before it starts, as an fd (setns(2)); -1 or 0: none. `dir` is then
	 * looked up there.
	 */
	int mount_ns;
	const char *dir; /* its working directory; NULL: / */
	/* These descriptors stay open in it under the given numbers; fds[i] >= 3. */
	const int (*fds)[2]; /* {ours, its} */
	size_t n_fds;
	/* its standard output and error are those of the caller, and not collected */
	bool keep_output;
	/*
	 * 0: its output is messages, of which the end is kept. Otherwise its standard output is
	 * data, which is returned completely: more bytes than this are -EFBIG. Its standard error
	 * is not mixed in; it is returned instead of the data when the status is not 0.
	 */
	size_t data_limit;
};

/*
 * Run a program to its end. Returns its exit status (0 to 255); -ENOENT there is no such program,
 * -ETIME, -EINTR a signal ended it, -EFBIG its data is too long (it is killed then), or another
 * negative errno; each of these with a sentence. Its output, NUL-terminated (the NUL not counted),
 * goes to *ret_output, which may be NULL.
 */
int wb_spawn(const struct wb_spawn *how, struct wb_blob *ret_output, struct wb_error *err);

/*
 * wb_spawn(), but a status other than 0 is -EIO with the last line of the output. For programs that
 * only have to succeed.
 */
int wb_spawn_ok(const struct wb_spawn *how, struct wb_error *err);
