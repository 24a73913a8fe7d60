// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot generator: systemd's generator for the units that restore kept services. */
#include "cmd/cmd.h"
#include "restore/restore.h"
#include "session/program.h"

static int run_generator(const struct cmd_args *args)
{
	const struct wb_restore_host host = wb_restore_host_real();
	const char *early = args->n_words > 1 ? args->words[1] : args->words[0];
	struct wb_error err = {};

	if (wb_restore_generate(&host, WB_PROGRAM, early, &err) == 0)
		return CMD_DONE;
	cmd_tell_kernel(err.text);
	return CMD_FAILED;
}

const struct cmd_row cmd_generator = {
	.name = "generator",
	.args = "NORMAL [EARLY LATE]",
	.min_args = 1,
	.max_args = 3,
	.help = "systemd's generator: write the units that restore kept services",
	.lock = cmd_lock_none,
	.run = run_generator,
};
