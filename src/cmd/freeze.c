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

		if (wb_manifest_has_ended(u)) {
			printf("%s: %s\n", u->unit, u->why);
			continue;
		}
		if (!wb_manifest_is_process(u)) {
			printf("%s: to be started anew%s%s\n", u->unit, u->why ? ": " : "",
				u->why ? u->why : "");
			continue;
		}
		printf("%s: frozen, %.1f MiB in %.2f s", u->unit, (double)u->dump_bytes / (1 << 20),
			(double)u->dump_us / 1e6);
		if (u->ahead_pid)
			printf(", after %.1f MiB while it ran", (double)u->ahead_bytes / (1 << 20));
		else if (u->ahead_why)
			printf(", nothing while it ran: %s", u->ahead_why);
		putchar('\n');
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
