/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The users of a unit's processes. The restore may overwrite files of these users. */
#pragma once

#include "core/files.h"
#include "manifest/manifest.h"

/*
 * Replace u->uids by the users of the main process, of each kind (proc_pid_status(5)). If root is
 * among them, add those of u->pids. -EBADMSG, -ENOMEM.
 */
int wb_owners_note(const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err);
