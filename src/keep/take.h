/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that no disk holds (tmpfs), into the store; the thaw puts them back. */
#pragma once

#include "core/strv.h"
#include "keep/manifest.h"
#include "store/store.h"

/*
 * Each path as the processes below `root` see it (/proc/PID/root); a directory with everything in it
 * that is on the same file system, or, with a "/" at its end, by itself. Adds to u->files; contents become objects "PREFIXfN", where PREFIX
 * is u->images; one with several names of these is taken once, and linked. What has vanished meanwhile is
 * left out, and so are sockets and devices.
 * -ENOSPC the store is full, -EIO, -ENOMEM, with a sentence that names the file.
 */
int wb_take_files(const char *root, const struct wb_strv *paths, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err);
/*
 * Of a file that was called `path` before that name was removed, the names that it has in the same
 * directory: the rest of sem_open(3), and what CRIU calls it by until it is restored (--link-remap).
 * -ENOMEM.
 */
int wb_take_other_names(
	const char *root, const char *path, int64_t device, int64_t inode, struct wb_strv *paths);
/* Bytes that these files have, for the store's size. What cannot be read counts as nothing. */
uint64_t wb_take_size(const char *root, const struct wb_strv *paths);
