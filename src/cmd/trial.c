// SPDX-License-Identifier: LGPL-2.1-or-later
/* The part of status about the last guarded jump. */
#define _GNU_SOURCE
#include <time.h>

#include "cmd/json.h"
#include "cmd/status.h"

const char *cmd_time_text(int64_t seconds, char ret[32])
{
	time_t t = seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&t, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		ret[0] = '\0';
	return ret;
}

json_t *cmd_trial_json(const struct wb_trial *t, bool have)
{
	json_t *json, *failed = json_array(), *forced = json_array();
	char at[32], judged[32];

	if (!have) {
		json_decref(failed);
		json_decref(forced);
		return json_null();
	}
	for (size_t i = 0; i < t->failed.n; i++)
		json_array_append_new(failed, cmd_json_or_null(t->failed.items[i]));
	for (size_t i = 0; i < t->forced.n; i++)
		json_array_append_new(forced, cmd_json_or_null(t->forced.items[i]));
	json = json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"verdict", wb_trial_verdict_name(t->verdict), "waits", t->waits, "why",
		cmd_json_or_null(t->why), "phase", cmd_json_or_null(t->phase), "evidence",
		cmd_json_or_null(t->evidence), "done", cmd_json_or_null(t->done), "from",
		cmd_json_or_null(t->from), "to", cmd_json_or_null(t->to), "back",
		cmd_json_or_null(t->back), "pinned_by", cmd_json_or_null(t->pin_loader),
		"failed_before", failed, "forced_checks", forced, "when",
		cmd_json_or_null(cmd_time_text(t->time, at)), "judged",
		cmd_json_or_null(cmd_time_text(t->judged, judged)));
	return json;
}

static void print_line(const char *what, const char *text)
{
	if (!text)
		return;
	printf("               %s: ", what);
	cmd_print_clean(stdout, text);
	puts("");
}

void cmd_print_trial(const struct wb_trial *t)
{
	printf("trial:         %s", wb_trial_verdict_name(t->verdict));
	if (t->from && t->to) {
		fputs(", ", stdout);
		cmd_print_clean(stdout, t->from);
		fputs(" -> ", stdout);
		cmd_print_clean(stdout, t->to);
	}
	puts(t->waits ? ", waits for \"warmboot confirm\" or \"warmboot fall-back\"" : "");
	print_line("why", t->why);
	print_line("phase", t->verdict == WB_TRIAL_BAD ? t->phase : NULL);
	print_line("evidence", t->verdict == WB_TRIAL_BAD ? t->evidence : NULL);
	print_line("done", t->done);
	if (t->verdict == WB_TRIAL_OPEN || t->verdict == WB_TRIAL_BAD)
		print_line("a firmware boot starts", t->pin_loader ? t->back : NULL);
}
