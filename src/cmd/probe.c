// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot probe: ask services after a jump until they answer, for warmboot-probe.service. */
#include "cmd/cmd.h"
#include "restore/restore.h"

static void tell(void *arg, const struct wb_error *why)
{
	cmd_fail(arg, why);
}

static int run_probe(const struct cmd_args *args)
{
	const struct wb_restore_host host = wb_restore_host_real();
	struct wb_error err = {};
	int r = wb_restore_probe(&host, tell, (void *)args, &err);

	if (r < 0)
		return cmd_fail(args, &err);
	return r ? CMD_FAILED : CMD_DONE;
}

const struct cmd_row cmd_probe = {
	.name = "probe",
	.args = "",
	.help = "ask services until they answer, and note when they do",
	.lock = cmd_lock_none,
	.run = run_probe,
};
