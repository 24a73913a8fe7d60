// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * warmboot generator: systemd's generator, for the units that restore kept services, and for what
 * held until the next boot before a jump. systemd waits for it in every boot and every reload, so
 * it is one process.
 */
#include "advice/next.h"
#include "cmd/cmd.h"
#include "replay/manager.h"
#include "restore/restore.h"
#include "session/program.h"

static int run_generator(const struct cmd_args *args)
{
	const struct wb_restore_host host = wb_restore_host_real();
	const struct wb_replay_host replay = wb_replay_host_real(wb_sys_real(), NULL);
	const char *normal = args->words[0];
	const char *early = args->n_words > 1 ? args->words[1] : normal;
	struct wb_error err = {}, replay_err = {}, next_err = {};
	int status = CMD_DONE;

	if (wb_restore_generate(&host, WB_PROGRAM, early, &err) < 0) {
		cmd_tell_kernel(err.text);
		status = CMD_FAILED;
	}
	/* Masks hold from the beginning of the boot: a masked unit must not even be started. */
	if (wb_replay_generate(&replay, normal, early, &replay_err) < 0) {
		cmd_tell_kernel(replay_err.text);
		status = CMD_FAILED;
	}
	if (wb_next_boot_generate(wb_sys_real(), early, &next_err) < 0) {
		cmd_tell_kernel(next_err.text);
		status = CMD_FAILED;
	}
	return status;
}

const struct cmd_row cmd_generator = {
	.name = "generator",
	.args = "NORMAL [EARLY LATE]",
	.min_args = 1,
	.max_args = 3,
	.help = "systemd's generator: write the units that restore kept services, and masks until "
		"the next boot",
	.lock = cmd_lock_none,
	.run = run_generator,
};
