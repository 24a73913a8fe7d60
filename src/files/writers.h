/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes and units, besides root's, that could exchange the target of a path while CRIU uses
 * it. CRIU removes, binds and changes the owner of a socket by its name, in three steps, and
 * follows links. A check before or after that is no protection from a process that runs meanwhile
 * and may write to a directory of the path.
 */
#pragma once

#include "core/files.h"
#include "manifest/manifest.h"

struct wb_writers {
	WB_LIST(int64_t) uids; /* owners of directories */
	WB_LIST(int64_t) gids; /* of directories that a group may write to */
	bool all;              /* a directory is writable for all users */
};

void wb_writers_deinit(struct wb_writers *writers);
#define WB_CLEAN_WRITERS __attribute__((cleanup(wb_writers_deinit))) struct wb_writers

/*
 * Add the users and groups that may write to a directory of the path, and to the last one if the
 * path leads there. -ENOMEM.
 */
int wb_writers_add(struct wb_writers *writers, const char *path);
/*
 * The pid of a running process of these users or groups (proc_pid_status(5)); 0: there is none.
 * Negative: a process cannot be examined. A process that ends meanwhile is skipped.
 */
int64_t wb_writers_running(const struct wb_writers *writers, const struct wb_files *files);
/*
 * Another kept unit with a process of these users or groups, which may be restored already or soon.
 * NULL: there is none.
 */
const struct wb_manifest_unit *wb_writers_kept(const struct wb_writers *writers,
	const struct wb_manifest *manifest, const struct wb_manifest_unit *but);
