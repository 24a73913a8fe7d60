// SPDX-License-Identifier: LGPL-2.1-or-later
/* One run of a subcommand: parse, take the lock, run, and see that the output was written. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

int cmd_run(const struct cmd_row *row, const char *program, int argc, char **argv)
{
	struct cmd_args args = {.row = row, .program = program, .lock = -1};
	struct wb_error err = {};
	int code;

	if (cmd_parse(row, argc, argv, &args, &err) < 0)
		return cmd_misused(&args, &err);
	args.program = program;
	args.lock = -1;
	if (args.question || cmd_has(&args, OPT_HELP)) {
		cmd_print_help(stdout, program, row);
		code = args.question ? CMD_FAILED : CMD_DONE;
	} else if (cmd_lock_take(&args, &err) < 0) {
		code = cmd_fail(&args, &err);
	} else {
		code = row->run(&args);
	}
	if (args.lock >= 0)
		close(args.lock);
	cmd_args_deinit(&args);
	/* A full disk or a closed pipe is a failure, because a script may read the output. */
	if ((fflush(stdout) || ferror(stdout)) && code == CMD_DONE) {
		fprintf(stderr, "%s: cannot write the output: %s\n", program, strerror(errno));
		code = CMD_FAILED;
	}
	return code;
}
