// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running systemctl(1) for all other code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "systemd/systemctl.h"

bool wb_systemd_here(const struct wb_files *files)
{
	/* sd_booted(3) */
	return files->exists(files->ctx, "/run/systemd/system");
}

int wb_systemctl(
	const struct wb_runner *runner, const struct wb_systemctl *order, struct wb_error *err)
{
	const char *argv[5] = {"systemctl"};
	size_t n = 1;

	if (order->option)
		argv[n++] = order->option;
	argv[n++] = order->verb;
	if (order->unit)
		argv[n++] = order->unit;
	return wb_run_for(runner, argv, order->ms, NULL, err);
}

/* The value of a line "KEY=VALUE"; NULL: there is no such line. */
static const char *value_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(line, key, n) && line[n] == '=' ? line + n + 1 : NULL;
}

void wb_unit_moment_parse(const char *text, struct wb_unit_moment *ret)
{
	*ret = (struct wb_unit_moment){};
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *active = value_of(line, "ActiveState"), *job = value_of(line, "Job");

		if (active)
			snprintf(ret->active, sizeof(ret->active), "%.*s",
				(int)strcspn(active, "\n"), active);
		if (job)
			ret->job = atoi(job) > 0;
	}
}

int wb_unit_moment_read(
	const struct wb_runner *runner, const char *unit, long ms, struct wb_unit_moment *ret)
{
	const char *const argv[] = {"systemctl", "show", "--property=ActiveState,Job", unit, NULL};
	WB_CLEAN_BLOB text = {};
	int r = wb_run_for(runner, argv, ms, &text, NULL);

	if (r == 0)
		r = wb_blob_append(&text, "", 1);
	if (r == 0)
		wb_unit_moment_parse((const char *)text.data, ret);
	return r;
}

unsigned wb_systemd_version_of(const char *text)
{
	struct wb_span line, word[2];
	uint64_t number;

	if (!wb_take_line(&text, &line) || !wb_take_words(&line, word, 2) ||
		!wb_span_is(word[0], "systemd") || !wb_span_number(word[1], 10, &number) ||
		number > UINT16_MAX)
		return 0;
	return (unsigned)number;
}

unsigned wb_systemd_version(const struct wb_runner *runner)
{
	static const char *const argv[] = {"systemctl", "--version", NULL};
	WB_CLEAN_BLOB text = {};

	if (wb_run_for(runner, argv, 0, &text, NULL) < 0 || wb_blob_append(&text, "", 1) < 0)
		return 0;
	return wb_systemd_version_of((const char *)text.data);
}
