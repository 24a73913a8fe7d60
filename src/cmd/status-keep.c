// SPDX-License-Identifier: LGPL-2.1-or-later
/* The part of status that tells what became of kept units. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/json.h"
#include "cmd/status-keep.h"
#include "keep/result.h"
#include "keep/runner.h"

/* A unit that was to be started anew may have failed to, or still be about it, or wait for its turn. */
static const char *outcome(const struct wb_unit_result *u)
{
	const char *const argv[] = {
		"systemctl", "show", "--property=ActiveState", "--property=Job", u->unit, NULL};
	const struct wb_spawn how = {.argv = argv, .deadline_ms = 5000};
	WB_CLEAN_BLOB said = {};
	const char *text, *job;

	if (!strcmp(u->how, "process"))
		return "kept";
	if (!strcmp(u->how, "ended"))
		return "ended";
	if (wb_spawn(&how, &said, NULL) != 0)
		return "restarted";
	text = (const char *)said.data;
	if (strstr(text, "ActiveState=active\n"))
		return "restarted";
	job = strstr(text, "Job=");
	if (strstr(text, "ActiveState=activating\n") || (job && job[4] >= '1' && job[4] <= '9'))
		return "starting";
	return "failed";
}

/* RFC 3339, UTC; null for 0. */
static json_t *time_json(int64_t ns)
{
	time_t t = ns / 1000000000;
	char text[32], all[48];
	struct tm tm;

	if (!ns || !gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return json_null();
	snprintf(all, sizeof(all), "%s.%03dZ", text, (int)(ns / 1000000 % 1000));
	return json_string(all);
}

json_t *cmd_status_kept_json(const struct wb_files *files, const char *nonce)
{
	WB_CLEAN_RESULT result = {};
	json_t *list = json_array();

	if (wb_result_find(files, nonce, &result, NULL) < 0)
		return list;
	for (size_t i = 0; i < result.units.n; i++) {
		const struct wb_unit_result *u = &result.units.items[i];

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:o, s:s, s:o, s:I, s:o, s:I, s:f, s:f, s:o}", "unit",
				u->unit, "outcome", outcome(u), "asked", cmd_json_or_null(u->asked),
				"how", u->how, "why", cmd_json_or_null(u->why), "ahead_bytes",
				(json_int_t)u->ahead_bytes, "ahead_why",
				cmd_json_or_null(u->ahead_why), "dump_bytes",
				(json_int_t)u->dump_bytes, "dump_s", u->dump_s, "frozen_s",
				u->frozen_s, "thawed_at", time_json(u->thawed_ns)));
	}
	return list;
}

void cmd_status_kept_print(const struct wb_files *files, const char *nonce)
{
	WB_CLEAN_RESULT result = {};

	if (wb_result_find(files, nonce, &result, NULL) < 0)
		return;
	for (size_t i = 0; i < result.units.n; i++) {
		const struct wb_unit_result *u = &result.units.items[i];

		printf("%s%s: %s", i ? "               " : "kept:          ", u->unit, outcome(u));
		if (u->frozen_s > 0)
			printf(", frozen for %.2f s", u->frozen_s);
		if (u->ahead_bytes)
			printf(", %" PRId64 " MiB copied while it ran", u->ahead_bytes >> 20);
		else if (u->ahead_why)
			printf(", nothing copied while it ran: %s", u->ahead_why);
		printf("%s%s%s\n", u->why ? " (" : "", u->why ? u->why : "", u->why ? ")" : "");
	}
}

int cmd_status_kept_ended(const struct wb_files *files, struct wb_strv *ret)
{
	WB_CLEAN_RESULT result = {};
	int r = 0;

	if (wb_result_read(files, WB_RESULT, &result, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < result.units.n; i++)
		if (!strcmp(result.units.items[i].how, "ended"))
			r = wb_strv_add(ret, result.units.items[i].unit);
	return r;
}

int cmd_status_kept_record(const struct wb_sys *sys, struct wb_error *err)
{
	WB_CLEAN_RESULT result = {};

	if (wb_result_read(sys->files, WB_RESULT, &result, NULL) < 0)
		return 0;
	return wb_result_write(sys, WB_RESULT_LAST, &result, err);
}
