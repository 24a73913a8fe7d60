// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parsing a command line by the options of its row, with getopt_long(3). */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"

/* Added to the ids that getopt_long() returns for long options, so that no id equals a letter. */
#define LONG_BASE 0x1000

static const struct cmd_option help_option[] = {
	{OPT_HELP, 'h', "help", .help = "show this help"},
	{},
};

const struct cmd_option cmd_json_option[] = {
	{OPT_JSON, 0, "json", .help = "print JSON"},
	{},
};

const struct cmd_option *cmd_row_option(const struct cmd_row *row, size_t i)
{
	for (size_t list = 0; row->options[list]; list++)
		for (const struct cmd_option *o = row->options[list]; o->id; o++)
			if (i-- == 0)
				return o;
	return i == 0 ? help_option : NULL;
}

static const struct cmd_option *find_option(const struct cmd_row *row, int got)
{
	const struct cmd_option *o;

	for (size_t i = 0; (o = cmd_row_option(row, i)); i++)
		if (got == o->id + LONG_BASE || (o->letter && got == o->letter))
			return o;
	return NULL;
}

bool cmd_option_takes_value(const struct cmd_option *o)
{
	return o->arg || o->values || o->value;
}

const char *cmd_option_values(const struct cmd_option *o, char buf[static CMD_VALUES])
{
	size_t n = 0;

	if (!o->value)
		return o->values;
	for (size_t i = 0; o->value(i) && n < CMD_VALUES; i++)
		n += (size_t)snprintf(buf + n, CMD_VALUES - n, "%s%s", i ? "|" : "", o->value(i));
	return buf;
}

/* Is `value` among "a|b|c"? */
static bool listed(const char *values, const char *value)
{
	for (size_t n; *values; values += n + !!values[n]) {
		n = strcspn(values, "|");
		if (n == strlen(value) && !strncmp(values, value, n))
			return true;
	}
	return false;
}

struct getopt_tables {
	struct option *longs;
	char *shorts;
};

static int make_tables(const struct cmd_row *row, struct getopt_tables *ret)
{
	const struct cmd_option *o;
	size_t n = 0;
	char *s;

	while (cmd_row_option(row, n))
		n++;
	ret->longs = calloc(n + 1, sizeof(*ret->longs));
	ret->shorts = calloc(n + 2, 2);
	if (!ret->longs || !ret->shorts)
		return -ENOMEM;
	s = ret->shorts;
	*s++ = ':';
	for (size_t i = 0; (o = cmd_row_option(row, i)); i++) {
		ret->longs[i].name = o->name;
		ret->longs[i].has_arg = cmd_option_takes_value(o) ? required_argument : no_argument;
		ret->longs[i].val = o->id + LONG_BASE;
		if (!o->letter)
			continue;
		*s++ = o->letter;
		if (cmd_option_takes_value(o))
			*s++ = ':';
	}
	return 0;
}

static int take_options(const struct cmd_row *row, const struct getopt_tables *tables, int argc,
	char **argv, struct cmd_args *ret, struct wb_error *err)
{
	int got;

	/* 0 resets getopt in both glibc and musl. */
	optind = 0;
	opterr = 0;
	while ((got = getopt_long(argc, argv, tables->shorts, tables->longs, NULL)) != -1) {
		const struct cmd_option *o;
		const char *given = argv[optind - 1], *values;
		char buf[CMD_VALUES];

		if (got == ':')
			return wb_fail(err, -EINVAL, "%s needs an argument", given);
		if (got == '?' && optopt == '?' && row->question) {
			ret->question = true;
			return 0;
		}
		if (got == '?' && optopt && optopt < LONG_BASE)
			return wb_fail(err, -EINVAL, "%s knows no option -%c", row->name, optopt);
		if (got == '?')
			return wb_fail(err, -EINVAL, "%s knows no option %s, or not in this form",
				row->name, given);
		o = find_option(row, got);
		values = cmd_option_values(o, buf);
		if (values && !listed(values, optarg))
			return wb_fail(err, -EINVAL, "--%s takes one of %s, not \"%s\"", o->name,
				values, optarg);
		ret->options[ret->n_options++] =
			(struct cmd_value){o, cmd_option_takes_value(o) ? optarg : ""};
	}
	for (int i = optind; i < argc; i++)
		ret->words[ret->n_words++] = argv[i];
	return 0;
}

int cmd_parse(const struct cmd_row *row, int argc, char **argv, struct cmd_args *ret,
	struct wb_error *err)
{
	struct getopt_tables tables = {};
	struct cmd_args args = {.row = row};
	int r;

	/* One argument can hold several options as letters ("-lf"). */
	size_t most = 1;

	for (int i = 1; i < argc; i++)
		most += strlen(argv[i]) + 1;
	args.options = calloc(most, sizeof(*args.options));
	args.words = calloc(argc + 1, sizeof(*args.words));
	r = args.options && args.words ? make_tables(row, &tables) : -ENOMEM;
	if (r < 0)
		wb_fail(err, r, "out of memory");
	else
		r = take_options(row, &tables, argc, argv, &args, err);
	free(tables.longs);
	free(tables.shorts);
	if (r == 0 && !args.question && !cmd_has(&args, OPT_HELP)) {
		if (args.n_words > row->max_args)
			r = wb_fail(err, -EINVAL, "\"%s\" is one argument too many",
				args.words[row->max_args]);
		else if (args.n_words < row->min_args)
			r = wb_fail(err, -EINVAL, "%s needs %s", row->name, row->args);
	}
	if (r < 0)
		cmd_args_deinit(&args);
	else
		*ret = args;
	return r;
}

void cmd_args_deinit(struct cmd_args *args)
{
	free(args->options);
	free(args->words);
	*args = (struct cmd_args){};
}

const char *cmd_get(const struct cmd_args *args, int id)
{
	for (size_t i = args->n_options; i > 0; i--)
		if (args->options[i - 1].option->id == id)
			return args->options[i - 1].value;
	return NULL;
}

bool cmd_has(const struct cmd_args *args, int id)
{
	return cmd_get(args, id);
}

static bool among(const int *ids, int id)
{
	while (*ids && *ids != id)
		ids++;
	return *ids;
}

int cmd_one_of(const struct cmd_args *args, const int *ids, struct wb_error *err)
{
	const struct cmd_option *first = NULL;

	for (size_t i = 0; i < args->n_options; i++) {
		const struct cmd_option *o = args->options[i].option;

		if (!among(ids, o->id))
			continue;
		if (first && first != o)
			return wb_fail(err, -EINVAL, "--%s and --%s exclude each other",
				first->name, o->name);
		first = o;
	}
	return 0;
}

int cmd_none_of(const struct cmd_args *args, const int *ids, const char *verb, struct wb_error *err)
{
	for (size_t i = 0; i < args->n_options; i++)
		if (among(ids, args->options[i].option->id))
			return wb_fail(err, -EINVAL, "--%s is not for \"%s %s\"",
				args->options[i].option->name, args->row->name, verb);
	return 0;
}
