// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot thawed: the end of all restores, for warmboot-thawed.service. */
#include "cmd/cmd.h"
#include "restore/restore.h"

static int run_thawed(const struct cmd_args *args)
{
	const struct wb_restore_host host = wb_restore_host_real();
	struct wb_error err = {}, wipe = {};
	int r = wb_restore_finish(&host, &err, &wipe);

	if (err.code)
		cmd_fail(args, &err);
	if (wipe.code)
		cmd_fail(args, &wipe);
	return r < 0 ? CMD_FAILED : CMD_DONE;
}

const struct cmd_row cmd_thawed = {
	.name = "thawed",
	.args = "",
	.help = "after all restores: end the packet hold, start units that are not back, wipe the "
		"store",
	.lock = cmd_lock_revive,
	.run = run_thawed,
};
