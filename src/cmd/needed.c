// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot needed: does a newer kernel wait, or does a package ask for a reboot? */
#include <jansson.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/json.h"
#include "session/needed.h"

static void print_json(const struct wb_needed *n)
{
	json_t *packages = json_array();

	for (size_t i = 0; i < n->packages.n; i++)
		json_array_append_new(packages, cmd_json_or_null(n->packages.items[i]));
	cmd_print_json(json_pack("{s:b, s:o, s:o, s:b, s:o}", "needed", n->waiting || n->required,
		"running", cmd_json_or_null(n->running), "waiting", cmd_json_or_null(n->waiting),
		"reboot_required", n->required, "packages", packages));
}

static void print_text(const struct wb_needed *n)
{
	if (n->waiting)
		printf("The kernel %s waits; %s runs.\n", n->waiting, n->running);
	if (n->required)
		printf("%s asks for a reboot%s", WB_REBOOT_REQUIRED, n->packages.n ? " for" : "");
	for (size_t i = 0; i < n->packages.n; i++)
		printf("%s %s", i ? "," : "", n->packages.items[i]);
	if (n->required)
		puts(".");
	if (!n->waiting && !n->required)
		printf("Nothing asks for a reboot; %s runs.\n", n->running);
}

static int run_needed(const struct cmd_args *args)
{
	WB_CLEAN_NEEDED needed = {};
	struct wb_error err = {};

	/* "Not needed" and "not known" are told apart by the exit code. */
	if (wb_needed_find(wb_sys_real(), &needed, &err) < 0) {
		cmd_fail(args, &err);
		return CMD_USAGE;
	}
	if (cmd_has(args, OPT_JSON))
		print_json(&needed);
	else
		print_text(&needed);
	return needed.waiting || needed.required ? CMD_DONE : CMD_FAILED;
}

const struct cmd_row cmd_needed = {
	.name = "needed",
	.args = "",
	.help = "tell whether a newer kernel waits, or a package asks for a reboot",
	.notes = "Exit code 0: one does, 1: none does, 2: it could not be found out. A kernel "
		 "waits if a "
		 "plain reboot would boot a newer one than the one that runs. kured and other "
		 "programs "
		 "ask in this way.",
	.options = {cmd_json_option},
	.lock = cmd_lock_none,
	.run = run_needed,
};
