// SPDX-License-Identifier: LGPL-2.1-or-later
/* Questions to systemd about the machine as a whole. */
#include <string.h>

#include "core/text.h"
#include "systemd/health.h"
#include "systemd/systemctl.h"

#define ASK_MS 30000

void wb_systemd_state(const struct wb_runner *runner, char ret[32])
{
	static const char *const argv[] = {"systemctl", "is-system-running", NULL};
	const struct wb_spawn how = {.argv = argv, .deadline_ms = ASK_MS};
	WB_CLEAN_BLOB said = {};

	ret[0] = '\0';
	/* The exit code only says whether it is "running". */
	if (runner->run(runner->ctx, &how, &said, NULL) >= 0 && said.size)
		strncat(ret, wb_last_line(&said), 31);
}

int wb_systemd_failed(const struct wb_runner *runner, struct wb_strv *ret, struct wb_error *err)
{
	static const char *const argv[] = {"systemctl", "list-units", "--state=failed", "--all",
		"--plain", "--no-legend", "--full", NULL};
	WB_CLEAN_BLOB said = {};
	struct wb_span line, name;
	const char *rest;
	int r = wb_run_data(runner, argv, &said, err);

	if (r < 0)
		return r;
	for (rest = (const char *)said.data; rest && wb_take_line(&rest, &line);) {
		WB_CLEAN_STR unit = NULL;

		if (!wb_take_word(&line, &name))
			continue;
		unit = wb_span_copy(name);
		if (!unit || wb_strv_add_once(ret, unit) < 0)
			return wb_oom(err);
	}
	wb_strv_sort(ret);
	return 0;
}

bool wb_systemd_is_used(const struct wb_runner *runner, const char *target)
{
	const char *const argv[] = {"systemctl", "show", "-P", "Requires", "-P", "Wants", "-P",
		"RequiredBy", target, NULL};
	WB_CLEAN_BLOB said = {};
	struct wb_span line, word;
	const char *rest;
	bool used = false;

	if (wb_run_data(runner, argv, &said, NULL) < 0)
		return false;
	for (rest = (const char *)said.data; rest && wb_take_line(&rest, &line);)
		while (wb_take_word(&line, &word))
			used |= !wb_span_is(word, "sysinit.target");
	return used;
}

int wb_systemd_reboot(const struct wb_runner *runner, struct wb_error *err)
{
	return wb_systemctl(runner, &(struct wb_systemctl){.verb = "reboot"}, err);
}
