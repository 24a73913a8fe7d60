// SPDX-License-Identifier: LGPL-2.1-or-later
/* The command line of load as text in the record of a staged kernel, so that it can be staged again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/load.h"

/* One word a line, so a word must not contain a line break. */
static int add(struct wb_blob *text, const char *dashes, const char *name, const char *equals,
	const char *value)
{
	const char *parts[] = {dashes, name, equals, value, "\n"};
	int r = strchr(value, '\n') ? -EINVAL : 0;

	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(*parts); i++)
		r = wb_blob_append(text, parts[i], strlen(parts[i]));
	return r;
}

static bool is_among(const struct cmd_option *options, const struct cmd_option *o)
{
	for (const struct cmd_option *l = options; l->id; l++)
		if (l == o)
			return true;
	return false;
}

char *cmd_words_text(const struct cmd_args *args, const struct cmd_option *options)
{
	WB_CLEAN_BLOB text = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < args->n_options; i++) {
		const struct cmd_option *o = args->options[i].option;
		const char *value = args->options[i].value;
		bool is_file = o->arg && !strcmp(o->arg, "FILE");
		/* The reader may have another working directory. */
		char *whole = is_file ? realpath(value, NULL) : NULL;

		if (is_among(options, o))
			r = add(&text, "--", o->name, cmd_option_takes_value(o) ? "=" : "",
				whole ? whole : value);
		free(whole);
	}
	for (size_t i = 0; r == 0 && i < args->n_words; i++)
		r = add(&text, "", "", "", args->words[i]);
	if (r == 0)
		r = wb_blob_append(&text, "", 1);
	return r == 0 ? strdup((char *)text.data) : NULL;
}

int cmd_words_parse(
	const struct cmd_row *row, const char *text, struct cmd_words *ret, struct wb_error *err)
{
	struct cmd_words w = {
		.text = strdup(text), .argv = calloc(strlen(text) + 2, sizeof(char *))};
	char *save = NULL;
	int n = 0, r = w.text && w.argv ? 0 : wb_oom(err);

	if (r == 0) {
		w.argv[n++] = (char *)row->name;
		for (char *l = strtok_r(w.text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
			w.argv[n++] = l;
		r = cmd_parse(row, n, w.argv, &w.args, err);
	}
	if (r < 0)
		cmd_words_deinit(&w);
	else
		*ret = w;
	return r;
}

void cmd_words_deinit(struct cmd_words *w)
{
	cmd_args_deinit(&w->args);
	free(w->argv);
	free(w->text);
	*w = (struct cmd_words){};
}
