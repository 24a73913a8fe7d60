// SPDX-License-Identifier: LGPL-2.1-or-later
/* The tables of all subcommands. */
#include <string.h>

#include "cmd/cmd.h"

const struct cmd_row *const cmd_rows[] = {
	&cmd_status,
	&cmd_list,
	&cmd_check,
	&cmd_needed,
	&cmd_pairs,
	&cmd_load,
	&cmd_unload,
	&cmd_reboot,
	&cmd_confirm,
	&cmd_fall_back,
	&cmd_stage_auto,
	&cmd_keep,
	&cmd_timeline,
	&cmd_history,
	&cmd_store,
	&cmd_kexec,
	&cmd_completion,
	&cmd_help,
	NULL,
};

const struct cmd_row *const cmd_service_rows[] = {
	&cmd_as_user,
	&cmd_mark,
	&cmd_probe,
	&cmd_early,
	&cmd_freeze,
	&cmd_gate,
	&cmd_generator,
	&cmd_hold,
	&cmd_thaw,
	&cmd_thawed,
	&cmd_replay,
	NULL,
};

static const struct cmd_row *find_in(const struct cmd_row *const *rows, const char *name)
{
	for (; *rows; rows++)
		if (!strcmp((*rows)->name, name))
			return *rows;
	return NULL;
}

const struct cmd_row *cmd_find(const char *name)
{
	const struct cmd_row *row = find_in(cmd_rows, name);

	return row ? row : find_in(cmd_service_rows, name);
}
