/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU does some work by path before the result can be checked: it opens files, and opening some of
 * them has an effect; it removes what stands in the place of a Unix socket; it makes a file again
 * that had lost its name. So before CRIU runs, these paths must lead where they led before: those
 * of open files, and the directories in which it removes and makes files.
 *
 * A process that may write to a directory of such a path could still be faster. So there must be no
 * such process for the directories in which CRIU removes and makes files (files/writers.h), and
 * wb_opened_check() checks the files that it has opened.
 */
#pragma once

#include "core/files.h"
#include "core/strv.h"
#include "manifest/manifest.h"

/* Add the directory of a bound socket, or of a file that lost its name; each only once. -ENOMEM. */
int wb_places_add(struct wb_manifest_unit *u, const char *path);
/* The same for a bound socket that has its name, after all others. */
int wb_places_add_binding(struct wb_manifest_unit *u, const char *path);
/*
 * Note which directories these are, from the root of the main process. For a directory that was
 * removed, add the one above it, in which CRIU makes it again. -ENOMEM.
 */
int wb_places_note(int root, struct wb_manifest_unit *u, struct wb_error *err);
/*
 * To be called in a mount namespace (-1: the caller's own) before any unit of the manifest is
 * restored. -EPERM with a sentence that names the process, the other unit or the path. externals:
 * paths that are opened outside of the sandbox, where the same name may lead elsewhere. If a
 * directory is gone, CRIU reports it; a directory that did not exist must not exist now.
 */
int wb_places_check(const struct wb_files *files, const struct wb_manifest *m,
	const struct wb_manifest_unit *u, const struct wb_strv *externals, int mount_ns,
	struct wb_error *err);
