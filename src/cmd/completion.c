// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot completion: scripts for bash, zsh and fish, made from the rows of all commands. */
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"

/*
 * The commands that print the words for ENTRY and UNIT, one a line, when a completion is asked for. A word
 * may hold any character (titles of menus, '>' in ids), so the scripts never evaluate it.
 */
#define ENTRIES "warmboot list --ids 2>/dev/null"
#define UNITS \
	"systemctl list-units --type=service --plain --no-legend 2>/dev/null | cut -d \" \" -f 1"

/* The literal words of "add|remove [UNIT...]", which are in lower case. */
static void print_choices(const char *args)
{
	for (size_t n; *args; args += n + !!args[n]) {
		n = strcspn(args, "|[]. ");
		if (n && *args >= 'a' && *args <= 'z')
			printf(" %.*s", (int)n, args);
	}
}

/* The values of an option that has some, between two texts. */
static void print_values(const struct cmd_option *o, const char *before, const char *after)
{
	char buf[CMD_VALUES];

	fputs(before, stdout);
	for (const char *v = cmd_option_values(o, buf); *v; v++)
		putchar(*v == '|' ? ' ' : *v);
	fputs(after, stdout);
}

static bool has_values(const struct cmd_option *o)
{
	return o->values || o->value;
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

/* Any file name may follow, as in "store put FILE". */
static bool takes_files(const struct cmd_row *row)
{
	return takes(row, "put") || takes(row, "KERNEL");
}

/* The arguments that are known when the script is made. */
static void print_arguments(const struct cmd_row *row)
{
	print_choices(row->args);
	if (takes(row, "ENTRY"))
		printf(" default newest");
	if (takes(row, "[COMMAND]")) {
		putchar(' ');
		print_names();
	}
}

/* The command that prints the other arguments, or NULL. */
static const char *asked(const struct cmd_row *row)
{
	if (takes(row, "ENTRY"))
		return ENTRIES;
	return takes(row, "UNIT") ? UNITS : NULL;
}

static void print_options(const struct cmd_row *row)
{
	const struct cmd_option *o;
	bool more = false;

	for (size_t i = 0; (o = cmd_row_option(row, i)); i++) {
		if (!o->help)
			continue;
		printf("%s--%s%s", more ? " " : "", o->name, cmd_option_takes_value(o) ? "=" : "");
		more = true;
	}
}

/*
 * Bash cuts words at breaks such as ':', '=' and '>', and replaces only the part behind the last break. So
 * the script splits the line again: into words without their quoting, and `kept`, the part of the last word
 * that bash leaves in place.
 */
static const char bash_words[] =
	"_warmboot_words() {\n"
	"	local line=${COMP_LINE:0:COMP_POINT} gap=1 c i\n"
	"	n=-1\n"
	"	for ((i = 0; i < ${#line}; i++)); do\n"
	"		c=${line:i:1}\n"
	"		if [[ ! $quote && $c == [[:blank:]] ]]; then\n"
	"			gap=1\n"
	"			continue\n"
	"		fi\n"
	"		if [[ $gap || (! $quote && $c == [\\<\\>]) ]]; then\n"
	"			words[++n]= gap= kept=\n"
	"		fi\n"
	"		if [[ $quote && $c == \"$quote\" ]]; then\n"
	"			quote= kept=${words[n]}\n"
	"		elif [[ $c == \\\\ && $quote != \\' ]]; then\n"
	"			((++i))\n"
	"			words[n]+=${line:i:1}\n"
	"		elif [[ ! $quote && $c == [\\'\\\"] ]]; then\n"
	"			quote=$c kept=${words[n]}\n"
	"		else\n"
	"			words[n]+=$c\n"
	"			[[ ! $quote && $COMP_WORDBREAKS == *\"$c\"* ]] && "
	"kept=${words[n]}\n"
	"		fi\n"
	"	done\n"
	"	[[ $gap ]] && words[++n]= kept=\n"
	"}\n";

/* The choices that begin with the word, quoted in the same way. */
static const char bash_reply[] = "	for c in \"${choices[@]}\"; do\n"
				 "		[[ $c == \"$word\"* ]] || continue\n"
				 "		c=${c:${#kept}}\n"
				 "		if [[ ! $quote ]]; then\n"
				 "			printf -v c %q \"$c\"\n"
				 "		elif [[ $c == *[\\'\\\"\\`\\$\\\\!]* ]]; then\n"
				 "			continue\n"
				 "		fi\n"
				 "		COMPREPLY+=(\"$c\")\n"
				 "	done\n"
				 "	[[ ${COMPREPLY-} == *= ]] && compopt -o nospace\n"
				 "}\n"
				 "complete -o bashdefault -o default -F _warmboot warmboot";

/* For an option without choices bash completes file names. */
static void bash_values(void)
{
	puts("	case ${words[1]}:$option in");
	for (size_t i = 0; cmd_rows[i]; i++) {
		const struct cmd_option *o;

		for (size_t k = 0; (o = cmd_row_option(cmd_rows[i], k)); k++) {
			if (!cmd_option_takes_value(o))
				continue;
			printf("	%s:--%s) ", cmd_rows[i]->name, o->name);
			if (has_values(o))
				print_values(o, "choices=(", ") ");
			puts(";;");
		}
	}
	puts("	*) option= ;;\n"
	     "	esac");
}

static void bash_arguments(void)
{
	puts("		case ${words[1]} in");
	for (size_t i = 0; cmd_rows[i]; i++) {
		const char *command = asked(cmd_rows[i]);

		printf("		%s)\n			choices=(", cmd_rows[i]->name);
		print_options(cmd_rows[i]);
		print_arguments(cmd_rows[i]);
		puts(")");
		if (command)
			printf("			mapfile -t -O ${#choices[@]} choices < "
			       "<(%s)\n",
				command);
		puts("			;;");
	}
	puts("		esac");
}

static void print_bash(void)
{
	puts("# bash completion for warmboot; made by: warmboot completion bash");
	fputs(bash_words, stdout);
	printf("_warmboot() {\n"
	       "	local words=() choices=() quote= kept= n word option= prefix= c\n"
	       "	_warmboot_words\n"
	       "	word=${words[n]}\n"
	       "	COMPREPLY=()\n"
	       "	if ((n > 1)); then\n"
	       "		option=${words[n-1]}\n"
	       "		[[ $word == --*=* ]] && option=${word%%%%=*} "
	       "prefix=${word%%%%=*}=\n"
	       "	fi\n");
	bash_values();
	puts("	if [[ $option ]]; then\n"
	     "		choices=(\"${choices[@]/#/$prefix}\")\n"
	     "	elif ((n == 1)); then");
	printf("		choices=(");
	print_names();
	puts(")\n"
	     "	else");
	bash_arguments();
	puts("	fi");
	puts(bash_reply);
}

/* In zsh and fish, '\'' within single quotes is one of them. */
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

/* The words go through an array, because _arguments would evaluate them. */
static void zsh_arguments(const struct cmd_row *row)
{
	const char *command = asked(row);

	printf("_warmboot_%s() {\n	local -a choices=(", row->name);
	print_arguments(row);
	if (command)
		printf(" ${(f)\"$(%s)\"}", command);
	puts(")\n"
	     "	compadd \"$@\" -a choices");
	puts(takes_files(row) ? "	_files\n}" : "}");
}

static void print_zsh(void)
{
	puts("#compdef warmboot\n"
	     "# zsh completion for warmboot; made by: warmboot completion zsh");
	for (size_t i = 0; cmd_rows[i]; i++)
		if (*cmd_rows[i]->args)
			zsh_arguments(cmd_rows[i]);
	puts("_warmboot() {\n"
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
			printf(" \\\n		'--%s%s'", o->name,
				cmd_option_takes_value(o) ? "=" : "");
			if (has_values(o))
				print_values(o, "':value:(", ")'");
			else if (o->arg)
				printf("':%s:_files'", o->arg);
		}
		if (*cmd_rows[i]->args)
			printf(" \\\n		'*:argument:_warmboot_%s'", cmd_rows[i]->name);
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
			if (has_values(o))
				print_values(o, " -x -a '", "'");
			else if (o->arg)
				printf(" -r");
			printf(" -d ");
			print_quoted(o->help);
			putchar('\n');
		}
		if (*cmd_rows[i]->args) {
			printf("complete -c warmboot -n '__fish_seen_subcommand_from %s' %s-a '",
				cmd_rows[i]->name, takes_files(cmd_rows[i]) ? "" : "-f ");
			print_arguments(cmd_rows[i]);
			if (asked(cmd_rows[i]))
				printf(" (%s)", asked(cmd_rows[i]));
			puts("'");
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
	.lock = cmd_lock_none,
	.run = run_completion,
};
