// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/reboot.h"
#include "sys/sys.h"
#include "timeline/marks.h"

/*
 * For units and hooks: "last" goes where the next kernel finds it without a file system, "asked"
 * belongs to a record.
 */
static int run_mark(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	struct wb_error err = {};
	int r;

	if (!strcmp(args->words[0], WB_MARK_ASKED)) {
		cmd_record_jump_of_others(sys);
		return CMD_DONE;
	}
	r = strcmp(args->words[0], "last") ? wb_mark(sys, args->words[0]) : wb_last_mark(sys);
	if (r == 0)
		return CMD_DONE;
	wb_fail(&err, r, "cannot leave the mark \"%s\": %s", args->words[0], strerror(-r));
	return cmd_fail(args, &err);
}

const struct cmd_row cmd_mark = {
	.name = "mark",
	.args = "NAME",
	.max_args = 1,
	.min_args = 1,
	.help = "note that something was reached now",
	.run = run_mark,
};
