// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot help: the help of one subcommand, or a list of all. */
#include <errno.h>

#include "cmd/cmd.h"

/* For scripts: one line for each command and each option, tab-separated. */
static void print_list(void)
{
	for (size_t i = 0; cmd_rows[i]; i++) {
		const struct cmd_row *row = cmd_rows[i];
		const struct cmd_option *o;
		char buf[CMD_VALUES];

		printf("command\t%s\t%s\t%s\n", row->name, row->args, row->help);
		for (size_t k = 0; (o = cmd_row_option(row, k)); k++) {
			const char *values = cmd_option_values(o, buf);

			if (o->help)
				printf("option\t%s\t--%s\t%s%.1s\t%s\t%s\n", row->name, o->name,
					o->letter ? "-" : "", &o->letter,
					values ? values : (o->arg ? o->arg : ""), o->help);
		}
	}
}

enum { OPT_LIST = OPT_OWN };

static const struct cmd_option help_options[] = {
	{OPT_LIST, 0, "list", .help = "print all commands and options, tab-separated, for scripts"},
	{},
};

static int run_help(const struct cmd_args *args)
{
	struct wb_error err = {};
	const struct cmd_row *row;

	if (cmd_has(args, OPT_LIST) && args->n_words) {
		wb_fail(&err, -EINVAL, "--list is of all commands: it takes no \"%s\"",
			args->words[0]);
		return cmd_misused(args, &err);
	}
	if (cmd_has(args, OPT_LIST)) {
		print_list();
		return CMD_DONE;
	}
	if (!args->n_words) {
		cmd_print_overview(stdout, cmd_rows);
		return CMD_DONE;
	}
	row = cmd_find(args->words[0]);
	if (!row) {
		wb_fail(&err, -EINVAL, "there is no command \"%s\"", args->words[0]);
		return cmd_misused(args, &err);
	}
	cmd_print_help(stdout, args->program, row);
	return CMD_DONE;
}

const struct cmd_row cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.max_args = 1,
	.help = "explain a command, or list them",
	.options = {help_options},
	.lock = cmd_lock_none,
	.run = run_help,
};
