// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"

/* What is too long for the first column has a line of its own. */
static void print_columns(FILE *out, int width, const char *left, const char *right)
{
	if ((int)strlen(left) > width - 2)
		fprintf(out, "%s\n%-*s%s\n", left, width, "", right);
	else
		fprintf(out, "%-*s%s\n", width, left, right);
}

static void print_option(FILE *out, const struct cmd_option *o)
{
	char left[160];
	const char *arg = o->values ? o->values : o->arg;

	if (!o->help)
		return;
	snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
		o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, arg ? "=" : "",
		arg ? arg : "");
	print_columns(out, 32, left, o->help);
}

/* What is typed before the options: "warmboot load", or "kexec" under its own name. */
static void print_call(FILE *out, const char *program, const struct cmd_row *row)
{
	fputs(program, out);
	if (strcmp(program, row->name))
		fprintf(out, " %s", row->name);
}

void cmd_print_help(FILE *out, const char *program, const struct cmd_row *row)
{
	const struct cmd_option *o;

	print_call(out, program, row);
	fprintf(out, " %s%s[options]\n  %s\n\noptions:\n", row->args, *row->args ? " " : "",
		row->help);
	for (size_t i = 0; (o = cmd_row_option(row, i)); i++)
		print_option(out, o);
	if (row->notes)
		fprintf(out, "\n%s\n", row->notes);
}

void cmd_print_overview(FILE *out)
{
	fputs("warmboot COMMAND [arguments]\n"
	      "  swap the kernel under a running system\n\ncommands:\n",
		out);
	for (size_t i = 0; cmd_rows[i]; i++) {
		char left[160];

		snprintf(left, sizeof(left), "  %s %s", cmd_rows[i]->name, cmd_rows[i]->args);
		print_columns(out, 28, left, cmd_rows[i]->help);
	}
	fputs("\n\"warmboot COMMAND --help\" lists the command's options. Exit codes: 0 done; 1 "
	      "refused or\n"
	      "failed, nothing changed; 2 wrong usage.\n",
		out);
}

/* One line for each command and each option, tab-separated, for scripts and checks. */
static void print_list(void)
{
	for (size_t i = 0; cmd_rows[i]; i++) {
		const struct cmd_row *row = cmd_rows[i];
		const struct cmd_option *o;

		printf("command\t%s\t%s\t%s\n", row->name, row->args, row->help);
		for (size_t k = 0; (o = cmd_row_option(row, k)); k++)
			if (o->help)
				printf("option\t%s\t--%s\t%s%.1s\t%s\t%s\n", row->name, o->name,
					o->letter ? "-" : "", &o->letter,
					o->values ? o->values : (o->arg ? o->arg : ""), o->help);
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
		cmd_print_overview(stdout);
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
	.run = run_help,
};
