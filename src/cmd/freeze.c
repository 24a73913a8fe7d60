// SPDX-License-Identifier: LGPL-2.1-or-later
/* What warmboot-freeze.service runs, last of a shutdown. */
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/keeping.h"

static void say(const struct wb_manifest *m)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];

		printf("%s: %s%s%s\n", u->unit,
			wb_manifest_is_process(u) ? "frozen" : "to be started anew",
			u->why ? ": " : "", u->why ? u->why : "");
	}
}

static int run_freeze(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};

	if (cmd_keeping_freeze(sys, false, &m, &err) < 0)
		return cmd_fail(args, &err);
	say(&m);
	return CMD_DONE;
}

const struct cmd_row cmd_freeze = {
	.name = "freeze",
	.args = "",
	.help = "checkpoint the kept services into the store (run by warmboot-freeze.service)",
	.run = run_freeze,
};
