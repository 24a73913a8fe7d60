/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU opens the files of its tasks by their paths, as root, and checks only size and mode. Between
 * a dump and its restore such a path may have been made to lead elsewhere. So the open and mapped
 * files of a unit's processes are noted while they are frozen. When CRIU has restored the
 * processes, and before they run, each of their files is compared with these: it must be one of
 * them, and not be open for more than it was. The check uses the files themselves, through
 * /proc/PID/fd, and not their paths.
 */
#pragma once

#include "manifest/manifest.h"

/*
 * Note the files of the processes in u->pids in u->opened, and replace its contents. -ESRCH, -EIO,
 * -ENOMEM.
 */
int wb_opened_note(struct wb_manifest_unit *u, struct wb_error *err);
/*
 * Compare the files after CRIU has restored the processes into the caller's control group. -EPERM
 * with a sentence that names the file; errors as above.
 */
int wb_opened_check(const struct wb_manifest_unit *u, struct wb_error *err);
/*
 * Kill those of u->pids that are in the caller's control group. Other processes have the same pids
 * by chance.
 */
void wb_opened_kill(const struct wb_manifest_unit *u);
/* Has the unit such a file? `gone`: its name was removed. Pure. */
bool wb_opened_has(
	const struct wb_manifest_unit *u, const struct wb_manifest_open *file, bool gone);
/* Is this a file that was put back at this path, so that it is another inode than before? Pure. */
bool wb_opened_travels(
	const struct wb_manifest_unit *u, const char *path, const struct wb_identity *now);

/*
 * Are these the control groups of a process in the same groups or in groups below them? Both are texts of
 * /proc/PID/cgroup (cgroups(7)). With Delegate=, systemd runs a unit's commands in the group .control of the unit's.
 */
bool wb_opened_is_below(const char *ours, const char *theirs);
/* Is this process in the caller's control group or below it? False also if it has ended. */
bool wb_opened_is_own(int64_t pid);
