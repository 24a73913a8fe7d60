// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot mark: the time of a step, for warmboot's units and the shutdown hook. */
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/load.h"
#include "session/once.h"
#include "session/record.h"
#include "timeline/marks.h"

/*
 * "last" is stored where the next kernel finds it without a file system. "asked" is written together with
 * the record of a jump that another program asked for.
 */
static int run_mark(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	const struct wb_sys *sys = host.sys;
	struct wb_error err = {};
	int r;

	if (!strcmp(args->words[0], WB_MARK_ASKED)) {
		WB_CLEAN_ONCE once = {};

		wb_jump_record_others(sys);
		/* Nothing is undone, because the shutdown cannot be stopped any more. */
		wb_once_clear(&host, &once);
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
	.help = "record the time of a step",
	.lock = cmd_lock_none,
	.run = run_mark,
};
