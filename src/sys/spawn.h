/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Run another program (nft, ip, modprobe, criu, systemctl) and hear what it says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/bytes.h"
#include "core/error.h"

/* More of a program's messages than this is dropped, at their beginning. */
#define WB_SPAWN_OUTPUT (256 << 10)

struct wb_spawn {
	const char *const *argv; /* NULL-terminated; argv[0] is looked for in PATH */
	struct wb_bytes input;   /* its standard input; empty: /dev/null */
	long deadline_ms;        /* then it is killed: -ETIME; 0: none */
	/*
	 * Namespace to enter before it starts, as an fd (setns(2)); -1 or 0: none. `dir` is then
	 * looked up there.
	 */
	int mount_ns;
	const char *dir; /* its working directory; NULL: / */
	/* These stay open in it under the numbers given; fds[i] >= 3. */
	const int (*fds)[2]; /* {ours, its} */
	size_t n_fds;
	bool keep_output; /* its standard output and error are ours, and not collected */
	/*
	 * 0: its output is messages, of which the end is kept. Otherwise its standard output is data,
	 * which comes back whole: more bytes than this are -EFBIG, and what it says on standard error
	 * is not mixed in; it comes back instead of the data when the status is not 0.
	 */
	size_t data_limit;
};

/*
 * Run it to its end. Returns its exit status (0 to 255); -ENOENT there is no such program, -ETIME,
 * -EINTR it was ended by a signal, -EFBIG its data is too long (it is killed then), or another
 * negative errno; each of these with a sentence. What it printed, NUL-terminated (the NUL not counted), goes to *ret_output, which may be NULL.
 */
int wb_spawn(const struct wb_spawn *how, struct wb_blob *ret_output, struct wb_error *err);

/*
 * The same, and a status other than 0 is -EIO with the last line of what was printed. For programs
 * that only have to succeed.
 */
int wb_spawn_ok(const struct wb_spawn *how, struct wb_error *err);
