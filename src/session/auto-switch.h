/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Staging by itself on and off, for good or until the next boot. */
#pragma once

#include "session/auto.h"

/* The unit that runs "warmboot stage-auto run", the one that starts it, and the one that waits for a shutdown. */
#define WB_AUTO_UNIT "warmboot-stage-auto.service"
#define WB_AUTO_PATH "warmboot-stage-auto.path"
#define WB_AUTO_SHUTDOWN "warmboot-stage-auto-shutdown.service"

/*
 * Files that start WB_KERNEL_HOOK, where their directories are there: Debian's kernel packages run all programs in the
 * first two (linux-image's postinst and postrm), update-initramfs(8) in the third. NULL-terminated.
 */
extern const char *const wb_auto_hooks[];

/*
 * Write WB_AUTO_SWITCH and the hooks, start the units, and run once; *ret is what the run did. -EPERM not root; -EOPNOTSUPP no
 * systemd; errors of writing, of systemctl and of wb_auto_run(). If the units cannot be started, it is off again. A hook that cannot be
 * written is a warning: the path unit sees the change, too.
 */
int wb_auto_switch_on(
	const struct wb_auto_host *a, struct wb_auto_record *ret, struct wb_error *err);
/*
 * Unload what was staged by itself. `once`: off until the next boot; else for good: the units are stopped and the hooks
 * removed.
 * *ret_left: a kernel that somebody else has staged is loaded, and stays.
 */
int wb_auto_switch_off(
	const struct wb_session_host *h, bool once, bool *ret_left, struct wb_error *err);
