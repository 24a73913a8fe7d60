// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "cmd/cmd.h"

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : (argc ? argv[0] : "");
	const struct cmd_row *row;

	if (!strcmp(name, cmd_kexec.name))
		return cmd_run(&cmd_kexec, cmd_kexec.name, argc, argv);
	/* As systemd knows it, in its directory of generators. */
	if (!strcmp(name, "warmboot-generator"))
		return cmd_run(&cmd_generator, "warmboot", argc, argv);
	if (argc < 2) {
		cmd_print_overview(stderr);
		return CMD_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		cmd_print_overview(stdout);
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
