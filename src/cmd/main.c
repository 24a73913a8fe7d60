// SPDX-License-Identifier: LGPL-2.1-or-later
/* The program: find the subcommand by argv, or by the program's own name, and run it. */
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "sys/paging.h"

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : (argc ? argv[0] : "");
	const struct cmd_row *row;
	struct wb_error err = {};

	/*
	 * Services' memory passes through several of root's commands, so they make no core dumps. A user's
	 * command is left out, because it could not read its own /proc/self any more.
	 */
	if (geteuid() == 0 && wb_keep_memory_private(&err) < 0) {
		fprintf(stderr, "warmboot: %s\n", err.text);
		return CMD_FAILED;
	}
	if (!strcmp(name, cmd_kexec.name))
		return cmd_run(&cmd_kexec, cmd_kexec.name, argc, argv);
	/* The name in systemd's directory of generators. */
	if (!strcmp(name, "warmboot-generator"))
		return cmd_run(&cmd_generator, "warmboot", argc, argv);
	if (argc < 2) {
		cmd_print_overview(stderr, cmd_rows);
		return CMD_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		cmd_print_overview(stdout, cmd_rows);
		return CMD_DONE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("warmboot " WB_VERSION);
		return CMD_DONE;
	}
	row = cmd_find(argv[1]);
	if (!row) {
		fprintf(stderr, "warmboot: there is no command \"%s\"\nSee: warmboot --help\n",
			argv[1]);
		return CMD_USAGE;
	}
	return cmd_run(row, "warmboot", argc - 1, argv + 1);
}
