// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot check: may this machine jump to that kernel now? */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "session/check.h"

/* As the manual page says: fleets' programs ask for it. */
enum { CHECK_WARNINGS = 3 };

static int code_of(const struct wb_findings *findings)
{
	enum wb_severity worst;

	if (!wb_findings_worst(findings, &worst) || worst == WB_SEVERITY_NOTE)
		return CMD_DONE;
	return worst == WB_SEVERITY_SEVERE ? CMD_FAILED : CHECK_WARNINGS;
}

static int run_check(const struct cmd_args *args)
{
	WB_CLEAN_CHECKED checked = {};
	struct wb_error err = {};
	WB_CLEAN_STR text = NULL;
	int r = wb_session_check(wb_sys_real(), &wb_check_ops_host, NULL,
		args->n_words ? args->words[0] : NULL, &checked, &err);

	if (r < 0)
		return cmd_fail(args, &err);
	if (cmd_has(args, OPT_JSON))
		r = wb_findings_json(
			&checked.findings, checked.entry, checked.kernel, checked.release, &text);
	else
		r = wb_findings_text(&checked.findings, &text);
	if (r < 0) {
		wb_oom(&err);
		return cmd_fail(args, &err);
	}
	if (!cmd_has(args, OPT_JSON)) {
		printf("to       ");
		cmd_print_clean(stdout, checked.entry);
		printf(" (%s)\n", *checked.release ? checked.release : "release unknown");
	}
	printf("%s%s", text, cmd_has(args, OPT_JSON) ? "\n" : "");
	return code_of(&checked.findings);
}

const struct cmd_row cmd_check = {
	.name = "check",
	.args = "[ENTRY]",
	.max_args = 1,
	.help = "tell whether this machine may jump to a kernel now, and what speaks against it",
	.notes = "Without ENTRY it is the kernel that a plain reboot would boot. Exit code 0: "
		 "nothing "
		 "speaks against it, 3: there are warnings, 1: something severe does. Files "
		 "\"*.conf\" in "
		 "/etc/warmboot/check.d silence checks, one id in a line. Nothing is changed.",
	.options = {cmd_json_option},
	.lock = cmd_lock_none,
	.run = run_check,
};
