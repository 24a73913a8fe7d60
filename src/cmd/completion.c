// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"

/* Which words complete ENTRY: asked from the program itself when the time comes. */
#define ENTRIES "default newest $(warmboot list --ids 2>/dev/null)"
#define UNITS \
	"$(systemctl list-units --type=service --plain --no-legend 2>/dev/null | cut -d ' ' -f 1)"

/* The words of "add|remove [UNIT...]" that are meant as they stand: not UNIT. */
static void print_choices(const char *args)
{
	for (size_t n; *args; args += n + !!args[n]) {
		n = strcspn(args, "|[]. ");
		if (n && *args >= 'a' && *args <= 'z')
			printf(" %.*s", (int)n, args);
	}
}

static void print_words(const char *values)
{
	for (; *values; values++)
		putchar(*values == '|' ? ' ' : *values);
}

static void print_names(void)
{
	for (size_t i = 0; cmd_rows[i]; i++)
		printf("%s%s", i ? " " : "", cmd_rows[i]->name);
}

static bool takes(const struct cmd_row *row, const char *what)
{
	return strstr(row->args, what);
}

/* "store put FILE": any name may follow. */
static bool takes_files(const struct cmd_row *row)
{
	return takes(row, "put") || takes(row, "KERNEL");
}

/* What may stand where no option does, in words that each of the shells understands within double quotes. */
static void print_arguments(const struct cmd_row *row)
{
	print_choices(row->args);
	if (takes(row, "ENTRY"))
		printf(" " ENTRIES);
	if (takes(row, "UNIT"))
		printf(" " UNITS);
	if (takes(row, "[COMMAND]")) {
		putchar(' ');
		print_names();
	}
}

static void print_options(const struct cmd_row *row)
{
	const struct cmd_option *o;
	bool more = false;

	for (size_t i = 0; (o = cmd_row_option(row, i)); i++) {
		if (!o->help)
			continue;
		printf("%s--%s%s", more ? " " : "", o->name, o->arg || o->values ? "=" : "");
		more = true;
	}
}

static void bash_values(void)
{
	puts("	case ${COMP_WORDS[1]}:$option in");
	for (size_t i = 0; cmd_rows[i]; i++) {
		const struct cmd_option *o;

		for (size_t k = 0; (o = cmd_row_option(cmd_rows[i], k)); k++) {
			if (!o->values)
				continue;
			printf("	%s:--%s) COMPREPLY=($(compgen -W '", cmd_rows[i]->name,
				o->name);
			print_words(o->values);
			puts("' -- \"$cur\")); return ;;");
		}
	}
	puts("	*:--*) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	     "	esac");
}

static void print_bash(void)
{
	puts("# bash completion for warmboot; made by: warmboot completion bash\n"
	     "_warmboot() {\n"
	     "	local cur=${COMP_WORDS[COMP_CWORD]} option=\n"
	     "	COMPREPLY=()\n"
	     "	if [[ $COMP_CWORD -eq 1 ]]; then");
	printf("		COMPREPLY=($(compgen -W '");
	print_names();
	puts("' -- \"$cur\"))\n"
	     "		return\n"
	     "	fi\n"
	     "	# --option=value arrives as three words\n"
	     "	if [[ $cur == = ]]; then\n"
	     "		cur= option=${COMP_WORDS[COMP_CWORD-1]}\n"
	     "	elif [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then\n"
	     "		option=${COMP_WORDS[COMP_CWORD-2]}\n"
	     "	fi");
	bash_values();
	puts("	case ${COMP_WORDS[1]} in");
	for (size_t i = 0; cmd_rows[i]; i++) {
		printf("	%s) COMPREPLY=($(compgen -W \"", cmd_rows[i]->name);
		print_options(cmd_rows[i]);
		print_arguments(cmd_rows[i]);
		puts("\" -- \"$cur\")) ;;");
	}
	puts("	esac\n"
	     "	[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
	     "}\n"
	     "complete -o bashdefault -o default -F _warmboot warmboot");
}

/* Single quotes end, an escaped one, and begin again: for both zsh and fish. */
static void print_quoted(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*s);
	}
	putchar('\'');
}

static void print_zsh(void)
{
	puts("#compdef warmboot\n"
	     "# zsh completion for warmboot; made by: warmboot completion zsh\n"
	     "_warmboot() {\n"
	     "	if (( CURRENT == 2 )); then\n"
	     "		local -a commands=(");
	for (size_t i = 0; cmd_rows[i]; i++) {
		printf("			%s:", cmd_rows[i]->name);
		print_quoted(cmd_rows[i]->help);
		putchar('\n');
	}
	puts("		)\n"
	     "		_describe command commands\n"
	     "		return\n"
	     "	fi\n"
	     "	case ${words[2]} in");
	for (size_t i = 0; cmd_rows[i]; i++) {
		const struct cmd_option *o;

		printf("	%s) _arguments", cmd_rows[i]->name);
		for (size_t k = 0; (o = cmd_row_option(cmd_rows[i], k)); k++) {
			if (!o->help)
				continue;
			printf(" \\\n		'--%s%s'", o->name, o->arg || o->values ? "=" : "");
			if (o->values) {
				printf("':value:(");
				print_words(o->values);
				printf(")'");
			} else if (o->arg) {
				printf("':%s:_files'", o->arg);
			}
		}
		if (*cmd_rows[i]->args) {
			printf(" \\\n		\"*:argument:(");
			print_arguments(cmd_rows[i]);
			printf(")\"");
		}
		puts(" ;;");
	}
	puts("	esac\n"
	     "}\n"
	     "_warmboot \"$@\"");
}

static void print_fish(void)
{
	puts("# fish completion for warmboot; made by: warmboot completion fish");
	for (size_t i = 0; cmd_rows[i]; i++) {
		const struct cmd_option *o;

		printf("complete -c warmboot -n __fish_use_subcommand -f -a %s -d ",
			cmd_rows[i]->name);
		print_quoted(cmd_rows[i]->help);
		putchar('\n');
		for (size_t k = 0; (o = cmd_row_option(cmd_rows[i], k)); k++) {
			if (!o->help)
				continue;
			printf("complete -c warmboot -n '__fish_seen_subcommand_from %s' -l %s",
				cmd_rows[i]->name, o->name);
			if (o->values) {
				printf(" -x -a '");
				print_words(o->values);
				putchar('\'');
			} else if (o->arg) {
				printf(" -r");
			}
			printf(" -d ");
			print_quoted(o->help);
			putchar('\n');
		}
		if (*cmd_rows[i]->args) {
			printf("complete -c warmboot -n '__fish_seen_subcommand_from %s' %s-a \"",
				cmd_rows[i]->name, takes_files(cmd_rows[i]) ? "" : "-f ");
			print_arguments(cmd_rows[i]);
			puts("\"");
		}
	}
}

static const struct {
	const char *name;
	void (*print)(void);
} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

static int run_completion(const struct cmd_args *args)
{
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++) {
		if (strcmp(args->words[0], shells[i].name))
			continue;
		shells[i].print();
		return CMD_DONE;
	}
	wb_fail(&err, -EINVAL, "there is no completion for \"%s\", only for bash, zsh and fish",
		args->words[0]);
	return cmd_misused(args, &err);
}

const struct cmd_row cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.max_args = 1,
	.min_args = 1,
	.help = "print a completion script for a shell",
	.run = run_completion,
};
