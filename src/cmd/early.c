// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot early: the restore that the warm initramfs starts, beside systemd. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "restore/early.h"

static int run_early(const struct cmd_args *args)
{
	struct wb_error err = {};
	int fd;

	if (getppid() != 1) {
		wb_fail(&err, -1, "only the warm initramfs may call this");
		return cmd_fail(args, &err);
	}
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	if (wb_early_run(wb_sys_real(), &err) == 0)
		return CMD_DONE;
	cmd_tell_kernel(err.text);
	return CMD_FAILED;
}

const struct cmd_row cmd_early = {
	.name = "early",
	.args = "",
	.help = "restore services that need nothing of systemd; the warm initramfs calls this",
	.lock = cmd_lock_none,
	.run = run_early,
};
