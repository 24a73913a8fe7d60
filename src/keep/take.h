/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that no disk holds (tmpfs), into the store; the thaw puts them back. */
#pragma once

#include "core/strv.h"
#include "keep/manifest.h"
#include "store/store.h"

/*
 * Each path as the processes below `root` see it (/proc/PID/root); a directory with everything in it
 * that is on the same file system. Adds to u->files; contents become objects "PREFIXfN", where PREFIX
 * is u->images. What has vanished meanwhile is left out, and so are sockets, pipes and devices.
 * -ENOSPC the store is full, -EIO, -ENOMEM, with a sentence that names the file.
 */
int wb_take_files(const char *root, const struct wb_strv *paths, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err);
/* Bytes that these files have, for the store's size. What cannot be read counts as nothing. */
uint64_t wb_take_size(const char *root, const struct wb_strv *paths);
