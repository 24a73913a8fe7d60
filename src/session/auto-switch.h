/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Staging by itself on and off, for good or until the next boot. */
#pragma once

#include "session/auto.h"

/* The unit that runs "warmboot stage-auto run", and the one that waits for a shutdown; it has path units for the former. */
#define WB_AUTO_UNIT "warmboot-stage-auto.service"
#define WB_AUTO_SHUTDOWN "warmboot-stage-auto-shutdown.service"

/*
 * A file that starts WB_KERNEL_HOOK. Debian's kernel packages run all programs in the directories of the first two
 * (postinst and postrm of linux-image), update-initramfs(8) in that of the third.
 */
struct wb_auto_hook {
	const char *path;
	const char *caller; /* the hook is written only where this is there */
};
/* All of them, ended by one without a path. */
extern const struct wb_auto_hook wb_auto_hooks[];

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
