// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot list: the boot entries that can be staged. */
#include <jansson.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/json.h"
#include "entry/entry.h"
#include "sys/sys.h"

enum { OPT_IDS = OPT_OWN };

static const struct cmd_option own_options[] = {
	{OPT_IDS, 0, "ids", .help = "print only the ids, one a line"},
	{},
};

static json_t *string_or_null(const char *s)
{
	json_t *j = s ? json_string(s) : NULL;

	return j ? j : json_null();
}

static void print_json(const struct wb_entries *all)
{
	json_t *list = json_array();

	for (size_t i = 0; i < all->n; i++) {
		const struct wb_entry *e = &all->items[i];
		json_t *initrds = json_array();

		for (size_t k = 0; k < e->initrds.n; k++)
			json_array_append_new(initrds, string_or_null(e->initrds.items[k]));
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "id",
				      string_or_null(e->id), "title", string_or_null(e->title),
				      "source", string_or_null(e->source), "kernel",
				      string_or_null(e->kernel), "initrds", initrds, "cmdline",
				      string_or_null(e->cmdline), "default", e->is_default));
	}
	cmd_print_json(list);
}

static void print_text(const struct wb_entries *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct wb_entry *e = &all->items[i];

		printf("%c %s\n", e->is_default ? '*' : ' ', e->id);
		if (e->title)
			printf("    title:   %s\n", e->title);
		printf("    source:  %s\n", e->source);
		printf("    kernel:  %s%s%s%s\n", e->kernel, e->release ? " (" : "",
			e->release ? e->release : "", e->release ? ")" : "");
		for (size_t k = 0; k < e->initrds.n; k++)
			printf("    initrd:  %s\n", e->initrds.items[k]);
		if (e->cmdline)
			printf("    cmdline: %s\n", e->cmdline);
	}
	if (!all->n)
		puts("No boot entries were found.");
}

static int run_list(const struct cmd_args *args)
{
	WB_CLEAN_ENTRIES all = {};
	static const int forms[] = {OPT_IDS, OPT_JSON, 0};
	struct wb_error err = {};

	if (cmd_one_of(args, forms, &err) < 0)
		return cmd_misused(args, &err);
	if (wb_entries_find(&wb_files_host, &all, &err) < 0)
		return cmd_fail(args, &err);
	for (size_t i = 0; i < all.warnings.n; i++)
		fprintf(stderr, "%s: %s\n", args->program, all.warnings.items[i]);
	if (cmd_has(args, OPT_IDS))
		for (size_t i = 0; i < all.n; i++)
			puts(all.items[i].id);
	else if (cmd_has(args, OPT_JSON))
		print_json(&all);
	else
		print_text(&all);
	return CMD_DONE;
}

const struct cmd_row cmd_list = {
	.name = "list",
	.args = "",
	.help = "show every boot entry that can be staged",
	.notes = "The entry that a plain reboot would boot is marked with a star, and with "
		 "\"default\" in "
		 "JSON.",
	.options = {own_options, cmd_json_option},
	.lock = cmd_lock_none,
	.run = run_list,
};
