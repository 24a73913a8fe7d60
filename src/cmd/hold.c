// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "keep/revive.h"

enum { OPT_MODULES = OPT_OWN, OPT_END };

static const struct cmd_option own_options[] = {
	{OPT_MODULES, 0, "modules", .help = "only load the modules that CRIU asks for"},
	{OPT_END, 0, "end", .help = "end the hold of units that were started anew"},
	{},
};

static int run_hold(const struct cmd_args *args)
{
	const struct wb_files *files = wb_sys_real()->files;
	struct wb_error warning = {}, err = {};
	WB_CLEAN_MANIFEST m = {};

	if (cmd_has(args, OPT_MODULES)) {
		wb_revive_modules(&wb_runner_host);
		return CMD_DONE;
	}
	if (cmd_has(args, OPT_END)) {
		if (wb_hold_end(&wb_runner_host, WB_HOLD_RESTART, &err) < 0)
			return cmd_fail(args, &err);
		return CMD_DONE;
	}
	if (wb_revive_read(files, &m, &err) < 0 ||
		wb_revive_hold(files, &wb_runner_host, &m, &warning, &err) < 0)
		return cmd_fail(args, &err);
	/* Not the end of it: a thaw whose address is missing will fail for itself. */
	if (warning.code)
		cmd_fail(args, &warning);
	return CMD_DONE;
}

const struct cmd_row cmd_hold = {
	.name = "hold",
	.args = "",
	.help = "keep silent for the connections of kept services, then bring the network up",
	.options = {own_options},
	.run = run_hold,
};
