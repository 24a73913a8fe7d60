/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files by descriptors. A path from a service, a user or a unit file is followed from an opened
 * directory, through no link, and checks are made on the opened file: the path can lead elsewhere a
 * moment later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/error.h"

/*
 * Open an absolute path below the directory `root`, without leaving it. -EINVAL: the path is not
 * valid (wb_valid_path()); -ELOOP: a link is on the way, or at the end unless `flags` has O_PATH.
 */
int wb_open_below(int root, const char *path, int flags);
/* Open the entry `name`, one component, of a directory. Errors as above. */
int wb_open_entry(int dir, const char *name, int flags);
/* Make a new regular file (0600), open for writing. -EEXIST: the name exists, even as a link. */
int wb_make_entry(int dir, const char *name);
/* Open the file of an O_PATH descriptor with other flags. */
int wb_open_again(int fd, int flags);
/* Is the opened file on a file system that ends with the boot? As wb_volatile_fs(). */
bool wb_is_volatile(int fd);

/* close() at the end of a scope, for an `int`; negative: nothing is open. */
void wb_closep(int *fd);
#define WB_CLEAN_FD __attribute__((cleanup(wb_closep))) int
