// SPDX-License-Identifier: LGPL-2.1-or-later
/* The help of one subcommand, and the overview of all, made from their rows. */
#include <string.h>

#include "cmd/cmd.h"

/* A left side that is too long for its column gets a line of its own. */
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
	char buf[CMD_VALUES];
	const char *arg = cmd_option_values(o, buf);

	if (!o->help)
		return;
	if (!arg)
		arg = o->arg;
	snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
		o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, arg ? "=" : "",
		arg ? arg : "");
	print_columns(out, 32, left, o->help);
}

/* The call without its arguments: "warmboot load", or "kexec" under its own name. */
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

void cmd_print_overview(FILE *out, const struct cmd_row *const *rows)
{
	fputs("warmboot COMMAND [arguments]\n"
	      "  swap the kernel under a running system\n\ncommands:\n",
		out);
	for (size_t i = 0; rows[i]; i++) {
		char left[160];

		snprintf(left, sizeof(left), "  %s %s", rows[i]->name, rows[i]->args);
		print_columns(out, 28, left, rows[i]->help);
	}
	fputs("\n\"warmboot COMMAND --help\" lists the command's options. Exit codes: 0 done; 1 "
	      "refused or\n"
	      "failed, nothing changed; 2 wrong usage.\n",
		out);
}
