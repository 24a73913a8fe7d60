/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening a file that the caller's own control group may not open. The device rules of a group
 * apply when a device is opened; a descriptor that another process has opened may be used.
 */
#pragma once

/*
 * The control groups of PID 1, which has no device rules, from the text of /proc/1/cgroup: paths of
 * files through which a process enters them. At most `most`; returns their number. Pure.
 */
#define WB_GROUP_PATH 512
int wb_groups_of(const char *text, char (*ret)[WB_GROUP_PATH], int most);

/*
 * A child of the caller enters these groups (those that exist), opens the file, passes it back and
 * ends. The caller stays in its own groups. Returns the descriptor, close-on-exec, or a negative
 * errno of open(2).
 */
int wb_open_in_groups(const char (*groups)[WB_GROUP_PATH], int n, const char *path, int flags);
/* wb_open_in_groups() with PID 1's groups. */
int wb_open_outside(const char *path, int flags);
