// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot freeze: the checkpoint of all kept services, at the end of a shutdown. */
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/load.h"
#include "session/keeping.h"

static void say(const struct wb_manifest *m)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];

		if (!wb_keep_way(u->how)->started) {
			printf("%s: %s\n", wb_chosen_name(u), u->why);
			continue;
		}
		if (!wb_unit_is_checkpointed(u)) {
			printf("%s: to be restarted%s%s\n", wb_chosen_name(u), u->why ? ": " : "",
				u->why ? u->why : "");
			continue;
		}
		printf("%s: frozen, %.1f MiB in %.2f s", wb_chosen_name(u),
			(double)u->dump_bytes / (1 << 20), (double)u->dump_us / 1e6);
		if (u->ahead_pid)
			printf(", after %.1f MiB while it ran", (double)u->ahead_bytes / (1 << 20));
		else if (u->ahead_why)
			fputs(", nothing while it ran", stdout);
		if (u->ahead_why)
			printf(": %s", u->ahead_why);
		putchar('\n');
	}
}

static int run_freeze(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};

	if (wb_keeping_freeze(&host, false, &m, &err) < 0)
		return cmd_fail(args, &err);
	say(&m);
	return CMD_DONE;
}

static enum cmd_lock lock(const struct cmd_args *args)
{
	return CMD_LOCK_SHUTDOWN;
}

const struct cmd_row cmd_freeze = {
	.name = "freeze",
	.args = "",
	.help = "checkpoint the kept services into the store (run by warmboot-freeze.service)",
	.lock = lock,
	.run = run_freeze,
};
