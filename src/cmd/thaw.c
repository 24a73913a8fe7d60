// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot thaw: the restore of one unit, for its replacement unit. */
#include "cmd/cmd.h"
#include "restore/restore.h"

enum { OPT_ANCHOR = OPT_OWN, OPT_PREPARE, OPT_FORGET };

static const struct cmd_option own_options[] = {
	{OPT_ANCHOR, 0, "anchor", .help = "only hand the sandbox's namespaces to systemd"},
	{OPT_PREPARE, 0, "prepare",
		.help = "only make what the program needs that systemd starts again"},
	{OPT_FORGET, 0, "forget", .help = "the unit has ended: wipe what --prepare has made"},
	{},
};

static int run_thaw(const struct cmd_args *args)
{
	const struct wb_restore_host host = wb_restore_host_real();
	struct wb_error err = {}, warning = {};
	int r;

	if (cmd_has(args, OPT_ANCHOR))
		r = wb_restore_anchor(&host, &err);
	else if (cmd_has(args, OPT_PREPARE))
		r = wb_restore_prepare(&host, args->words[0], &warning, &err);
	else if (cmd_has(args, OPT_FORGET))
		r = wb_restore_forget(&host, args->words[0], &err);
	else
		r = wb_restore_unit(&host, args->words[0], &warning, &err);
	if (warning.code)
		cmd_fail(args, &warning);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

const struct cmd_row cmd_thaw = {
	.name = "thaw",
	.args = "UNIT",
	.min_args = 1,
	.max_args = 1,
	.help = "restore a kept service's processes; its replacement unit calls this",
	.options = {own_options},
	.lock = cmd_lock_revive,
	.run = run_thaw,
};
