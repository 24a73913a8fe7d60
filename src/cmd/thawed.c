// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>

#include "cmd/cmd.h"
#include "keep/revive.h"

static int wipe(struct wb_error *err)
{
	WB_CLEAN_STORE store = NULL;
	int r = wb_store_attach(wb_store_env_real(), &store, err);

	if (r == 0)
		return wb_store_wipe(store, err);
	/* What is damaged or of another jump holds secrets all the same. */
	return r == -ENOENT ? 0 : wb_store_wipe_any(wb_store_env_real(), err);
}

static int run_thawed(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	struct wb_error err = {};
	WB_CLEAN_MANIFEST m = {};
	int code = CMD_DONE;

	if (wb_revive_read(sys->files, &m, &err) < 0 ||
		wb_revive_finish(sys, &wb_runner_host, &m, &err) < 0)
		code = cmd_fail(args, &err);
	/* It holds the services' memory, secrets and all: whatever else failed. */
	if (wipe(&err) < 0)
		code = cmd_fail(args, &err);
	return code;
}

const struct cmd_row cmd_thawed = {
	.name = "thawed",
	.args = "",
	.help = "when all thaws are over: end the hold, start what did not come back, wipe the "
		"store",
	.run = run_thawed,
};
