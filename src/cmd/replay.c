// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot replay: the record of the units that run, and starting them again, for warmboot's units. */
#include <errno.h>
#include <string.h>

#include "cmd/json.h"
#include "cmd/load.h"
#include "cmd/status.h"
#include "restore/restore.h"

enum { OPT_FORCE = OPT_OWN };

static const struct cmd_option own_options[] = {
	{OPT_FORCE, 0, "force",
		.help = "start: replay the record even if it is not of this boot's jump"},
	{},
};

static int run_record(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	struct wb_replay_host host = wb_replay_host_real(sys, NULL);
	WB_CLEAN_STRV warnings = {};
	WB_CLEAN_RECORD jump = {};
	struct wb_error err = {};
	int r = wb_record_read(sys->files, WB_RECORD_JUMP, &jump, &err);

	if (r == 0)
		r = wb_replay_record(&host, &jump, &warnings, &err);
	/* A user's manager can put any text into them. */
	for (size_t i = 0; i < warnings.n; i++)
		cmd_teller.warn(NULL, warnings.items[i]);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

/* Several processes print: each line goes out at once. */
static void tell(void *arg, const struct wb_replay_result *result, const char *warning)
{
	if (warning) {
		cmd_print_clean(stdout, warning);
	} else {
		printf("%s: ", result->result);
		cmd_print_unit(stdout, result->uid, result->unit);
		fputs(*result->why ? ": " : "", stdout);
		cmd_print_clean(stdout, result->why);
	}
	putchar('\n');
	fflush(stdout);
}

static int run_start(const struct cmd_args *args)
{
	const struct wb_restore_host host = wb_restore_host_real();
	struct wb_replay_host replay = wb_replay_host_real(host.sys, NULL);
	/* Each result is printed as it happens, for the journal's readers. */
	WB_CLEAN_RESULTS results = {.tell = tell};
	struct wb_error err = {};
	int r = wb_restore_replay(&host, &replay, cmd_has(args, OPT_FORCE), &results, &err);

	if (r == -EALREADY) {
		puts(err.text);
		return CMD_DONE;
	}
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

static int run_replay(const struct cmd_args *args)
{
	static const struct {
		const char *name;
		int (*run)(const struct cmd_args *args);
	} actions[] = {{"record", run_record}, {"start", run_start}};
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(args->words[0], actions[i].name))
			return actions[i].run(args);
	wb_fail(&err, -EINVAL, "replay knows record and start, not \"%s\"", args->words[0]);
	return cmd_misused(args, &err);
}

static enum cmd_lock lock(const struct cmd_args *args)
{
	return CMD_LOCK_UNIT;
}

const struct cmd_row cmd_replay = {
	.name = "replay",
	.args = "record|start",
	.min_args = 1,
	.max_args = 1,
	.help = "record the running units, and start them again after a jump",
	.options = {own_options},
	.lock = lock,
	.run = run_replay,
};
