/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only way in which parsers reach files. `sys` implements it over the real file system. Tests
 * implement it over an in-memory list, so that a test embeds the text it parses. All paths are
 * absolute.
 */
#pragma once

#include <stdbool.h>

#include "core/bytes.h"
#include "core/error.h"
#include "core/strv.h"

struct wb_arch; /* arch/arch.h */

struct wb_files {
	void *ctx;
	/*
	 * The whole of one file, at most `limit` bytes (0: no limit). A NUL byte follows the
	 * contents and is not counted in ret->size, so text may be used as a string.
	 * -ENOENT, -EACCES, -EFBIG, -EIO, -ENOMEM; `err` names the file.
	 */
	int (*read)(void *ctx, const char *path, size_t limit, struct wb_blob *ret,
		struct wb_error *err);
	/*
	 * At most `n` bytes from offset `off`, fewer (or none) at the end of the file; a NUL follows
	 * as above. For the headers of files too big to read. Errors as read.
	 */
	int (*read_at)(void *ctx, const char *path, uint64_t off, size_t n, struct wb_blob *ret,
		struct wb_error *err);
	/* Names in a directory, sorted, without "." and "..". -ENOENT, -ENOTDIR, … */
	int (*list)(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err);
	/* Is there anything at the path, symbolic links followed? Also false if that cannot be found out. */
	bool (*exists)(void *ctx, const char *path);
	/* Target of a symbolic link, to be freed by the caller. -EINVAL when it is not one. */
	int (*readlink)(void *ctx, const char *path, char **ret, struct wb_error *err);
	/*
	 * As read, but only a regular file that nobody but root, and the user who runs this program, can have written:
	 * what it says decides what root does. That is looked up on the opened file. -EPERM with a sentence: somebody
	 * else can write to it. NULL: no file can be believed here.
	 */
	int (*read_owned)(void *ctx, const char *path, size_t limit, struct wb_blob *ret,
		struct wb_error *err);
	/*
	 * Three numbers, of which one differs after the file (symbolic links followed) was written, replaced
	 * or touched: its size, and st_mtim and st_ctim of stat(2) in nanoseconds. Negative errno. NULL: not
	 * known here.
	 */
	int (*stamp)(void *ctx, const char *path, int64_t ret[3]);
	/* The machine whose files these are; NULL: this program's own. */
	const struct wb_arch *arch;
};

/* The largest text file that is read. */
#define WB_TEXT_LIMIT (4u << 20)
/*
 * Read a text file. Errors as wb_files.read; for all but -ENOENT and -ENOMEM a warning is added to
 * `warnings`.
 */
int wb_read_text(const struct wb_files *files, const char *path, struct wb_strv *warnings,
	struct wb_blob *ret);

/* The number in a file that holds nothing else, decimal or "0x…"; 0 if there is none. */
uint64_t wb_read_number(const struct wb_files *files, const char *path);
