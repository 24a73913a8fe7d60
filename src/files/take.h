/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saving files that no disk holds (tmpfs) into the store. files/put.h puts them back. */
#pragma once

#include "core/strv.h"
#include "manifest/manifest.h"
#include "store/store.h"

/*
 * Save each path, as processes with the open root directory `root` see it. A directory is saved
 * with all its entries on the same file system; with a "/" at the end of the path, alone. Adds to
 * u->files; contents become objects "PREFIXfN", where PREFIX is u->images. A file is saved once,
 * however often and by whatever mounts it is named; its further names become links. Directories of
 * the path that are on a tmpfs are saved, too, in case the next boot does not make them. Left out
 * are files that have vanished meanwhile, sockets, devices, and mounts in a directory.
 *
 * -ENOSPC: the store is full; -EINVAL: a path cannot be written into the manifest, or there are too
 * many; -ELOOP: a link is on the way; -EIO, -ENOMEM; each with a sentence that names the file.
 */
int wb_take_files(int root, const struct wb_strv *paths, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err);
/* The same without reading any file. *ret: the sum of their bytes, for the size of the store. */
int wb_take_measure(int root, const struct wb_strv *paths, uint64_t *ret, struct wb_error *err);
/*
 * Find names in the same directory of a file that was once called `path`: the name that sem_open(3)
 * leaves, and the one that CRIU uses until the restore (--link-remap). -ENOMEM.
 */
int wb_take_other_names(
	int root, const char *path, int64_t device, int64_t inode, struct wb_strv *paths);
