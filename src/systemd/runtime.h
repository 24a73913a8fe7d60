/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directories below /run with unit files, which a reboot loses. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "/run/systemd" of PID 1 (uid -1), or "/run/user/UID/systemd". To be freed; NULL: out of memory. */
char *wb_runtime_dir(int64_t uid);
/* The directories in it with unit files: "transient", "system", …; NULL ends the list. */
const char *const *wb_runtime_dirs(int64_t uid);
/*
 * May a file be written back to this path, that is, is it below the right directories? *ret_dir is
 * the name of the directory, "transient", "system", …; *ret_rest is the path below it.
 */
bool wb_runtime_file_split(const char *path, int64_t uid, char ret_dir[32], const char **ret_rest);
