// SPDX-License-Identifier: LGPL-2.1-or-later
/* The trial of a kernel: warmboot gate (for its unit), warmboot confirm, warmboot fall-back. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "cmd/gate.h"
#include "session/session.h"

static void say(void *arg, const char *sentence)
{
	puts(sentence);
	fflush(stdout);
}

struct wb_gate_host cmd_gate_host(void)
{
	return (struct wb_gate_host){.sys = wb_sys_real(),
		.runner = &wb_runner_host,
		.ops = &wb_gate_ops_host,
		.probes = &wb_probe_io_host,
		.say = say};
}

int cmd_verdict_code(enum wb_trial_verdict verdict)
{
	return verdict == WB_TRIAL_GOOD ? CMD_DONE : verdict == WB_TRIAL_DEGRADED ? 3 : CMD_FAILED;
}

static int run_gate(const struct cmd_args *args)
{
	const struct wb_gate_host h = cmd_gate_host();
	WB_CLEAN_TRIAL t = {};
	struct wb_error err = {};

	if (wb_gate_run(&h, &t, &err) < 0)
		return cmd_fail(args, &err);
	if (t.why) {
		printf("%s: ", wb_trial_verdict_name(t.verdict));
		cmd_print_clean(stdout, t.why);
		puts("");
	}
	/* The verdict is the result, and the unit has done its work. */
	return CMD_DONE;
}

const struct cmd_row cmd_gate = {
	.name = "gate",
	.args = "",
	.help = "judge the kernel that a guarded jump started",
	.lock = cmd_lock_none,
	.run = run_gate,
};

static int run_confirm(const struct cmd_args *args)
{
	struct wb_gate_host h = cmd_gate_host();
	struct wb_error err = {};

	h.has_lock = true;
	if (wb_gate_confirm(&h, &err) < 0)
		return cmd_fail(args, &err);
	puts("The kernel stays.");
	return CMD_DONE;
}

const struct cmd_row cmd_confirm = {
	.name = "confirm",
	.args = "",
	.help = "end the trial of the running kernel: it is good, and stays",
	.lock = cmd_lock_command,
	.run = run_confirm,
};

/* ---- fall-back ---- */

enum { OPT_FIRMWARE = OPT_OWN };

static const struct cmd_option fall_back_options[] = {
	{OPT_FIRMWARE, 0, "firmware", .help = "reboot through the firmware instead of a jump"},
	{},
};

static int jump_to(const struct cmd_args *args, const char *entry, struct wb_error *err)
{
	struct wb_session_options o = {.size = sizeof(o),
		.entry = entry,
		.stage_anew = true,
		.guard = "off",
		.lock = &args->lock,
		.program = "/proc/self/exe",
		.tell = cmd_teller};
	struct wb_session *s;
	int r = wb_session_new(&o, &s, err);

	if (r < 0)
		return r;
	r = wb_session_run(s, err);
	wb_session_free(s);
	return r;
}

static int run_fall_back(const struct cmd_args *args)
{
	struct wb_gate_host h = cmd_gate_host();
	bool firmware = cmd_has(args, OPT_FIRMWARE);
	WB_CLEAN_STR back = NULL;
	struct wb_error err = {};

	h.has_lock = true;
	cmd_put_off_signals();
	if (wb_gate_reject(&h, firmware, &back, &err) < 0)
		return cmd_fail(args, &err);
	if (!firmware && jump_to(args, back, &err) < 0) {
		wb_gate_refused(&h, &err);
		return cmd_fail(args, &err);
	}
	return CMD_DONE;
}

const struct cmd_row cmd_fall_back = {
	.name = "fall-back",
	.args = "",
	.help = "end the trial of the running kernel: go back to the one from before, now",
	.notes = "It is a jump, over which the chosen services are kept once more. With --firmware "
		 "it is "
		 "a reboot\nthrough the firmware, to where the boot loader was pinned.",
	.options = {fall_back_options},
	.lock = cmd_lock_command,
	.run = run_fall_back,
};
