// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot hold: the packet hold in the new boot, for warmboot's units. */
#include "cmd/cmd.h"
#include "restore/hold.h"

enum { OPT_MODULES = OPT_OWN, OPT_END, OPT_AGAIN };

static const struct cmd_option own_options[] = {
	{OPT_MODULES, 0, "modules", .help = "only load the modules that CRIU asks for"},
	{OPT_END, 0, "end", .help = "end the packet hold of restarted units"},
	{OPT_AGAIN, 0, "again", .help = "after nftables.service, whose rules begin with a flush"},
	{},
};

static int run_hold(const struct cmd_args *args)
{
	const struct wb_restore_host host = wb_restore_host_real();
	struct wb_error warning = {}, err = {};
	int r = 0;

	if (cmd_has(args, OPT_END))
		r = wb_restore_hold_end(&host, false, &err);
	else if (cmd_has(args, OPT_AGAIN))
		r = wb_restore_hold_again(&host, &err);
	else if (cmd_has(args, OPT_MODULES))
		wb_restore_modules(&host);
	else
		r = wb_restore_hold(&host, &warning, &err);
	if (r < 0)
		return cmd_fail(args, &err);
	if (warning.code)
		cmd_fail(args, &warning);
	return CMD_DONE;
}

const struct cmd_row cmd_hold = {
	.name = "hold",
	.args = "",
	.help = "begin the packet hold for kept services, then bring the network up",
	.options = {own_options},
	.lock = cmd_lock_revive,
	.run = run_hold,
};
