// SPDX-License-Identifier: LGPL-2.1-or-later
/* The part of status about units that ran only before the jump, or run only after it. */
#include <inttypes.h>
#include <string.h>

#include "cmd/json.h"
#include "cmd/status.h"
#include "replay/replay.h"

void cmd_print_unit(FILE *out, int64_t uid, const char *unit)
{
	cmd_print_clean(out, unit);
	if (uid >= 0)
		fprintf(out, " (user %" PRId64 ")", uid);
}

static json_t *text_json(const char *text)
{
	json_t *json = text ? json_string(text) : NULL;

	return json ? json : json_string("");
}

static json_t *unit_json(int64_t uid, const char *unit)
{
	return json_pack("{s:o, s:o}", "unit", text_json(unit), "user",
		uid < 0 ? json_null() : json_integer(uid));
}

static void add_missing(
	json_t *list, const struct wb_differences *d, size_t i, const struct wb_step *step)
{
	WB_CLEAN_STR why = wb_difference_why(d, i, step);
	json_t *json = unit_json(d->worlds[i].uid, step->unit->name);

	json_object_set_new(json, "why", text_json(why));
	json_array_append_new(list, json);
}

void cmd_differences_json(const struct wb_sys *sys, json_t *status)
{
	WB_CLEAN_DIFFERENCES d = {};
	json_t *missing, *added, *restarted, *warnings;
	struct wb_replay_host host = wb_replay_host_real(sys, NULL);
	struct wb_error why = {};

	if (wb_status_differences(&host, &d, &why) < 0) {
		json_object_set_new(status, "differences", json_null());
		if (*why.text)
			json_object_set_new(status, "differences_why", text_json(why.text));
		return;
	}
	missing = json_array();
	added = json_array();
	restarted = json_array();
	warnings = json_array();
	for (size_t i = 0; i < d.n; i++) {
		const struct wb_replay_plan *plan = &d.worlds[i].plan;

		for (size_t k = 0; k < plan->n_start; k++)
			add_missing(missing, &d, i, &plan->start[k]);
		for (size_t k = 0; k < plan->n_leave; k++)
			add_missing(missing, &d, i, &plan->leave[k]);
		for (size_t k = 0; k < plan->n_added; k++)
			json_array_append_new(
				added, unit_json(d.worlds[i].uid, plan->added[k].unit->name));
	}
	for (size_t i = 0; i < d.results.n; i++)
		if (!strcmp(d.results.items[i].result, "started"))
			json_array_append_new(restarted,
				unit_json(d.results.items[i].uid, d.results.items[i].unit));
	for (size_t i = 0; i < d.results.warnings.n; i++)
		json_array_append_new(warnings, text_json(d.results.warnings.items[i]));
	json_object_set_new(status, "differences",
		json_pack("{s:o, s:o, s:o, s:o}", "missing", missing, "new", added, "restarted",
			restarted, "warnings", warnings));
}

static void begin_line(size_t *n)
{
	printf("%s", (*n)++ ? "               " : "differences:   ");
}

static void print_missing(
	size_t *n, const struct wb_differences *d, size_t i, const struct wb_step *step)
{
	WB_CLEAN_STR why = wb_difference_why(d, i, step);

	begin_line(n);
	fputs("missing: ", stdout);
	cmd_print_unit(stdout, d->worlds[i].uid, step->unit->name);
	fputs(": ", stdout);
	cmd_print_clean(stdout, why ? why : "out of memory");
	putchar('\n');
}

void cmd_print_differences(const struct wb_sys *sys)
{
	WB_CLEAN_DIFFERENCES d = {};
	struct wb_replay_host host = wb_replay_host_real(sys, NULL);
	struct wb_error why = {};
	size_t n = 0, again = 0;

	if (wb_status_differences(&host, &d, &why) < 0) {
		if (*why.text) {
			begin_line(&n);
			fputs("not known: ", stdout);
			cmd_print_clean(stdout, why.text);
			putchar('\n');
		}
		return;
	}
	for (size_t i = 0; i < d.n; i++) {
		const struct wb_replay_plan *plan = &d.worlds[i].plan;

		for (size_t k = 0; k < plan->n_start; k++)
			print_missing(&n, &d, i, &plan->start[k]);
		for (size_t k = 0; k < plan->n_leave; k++)
			print_missing(&n, &d, i, &plan->leave[k]);
		for (size_t k = 0; k < plan->n_added; k++) {
			begin_line(&n);
			fputs("new: ", stdout);
			cmd_print_unit(stdout, d.worlds[i].uid, plan->added[k].unit->name);
			putchar('\n');
		}
	}
	for (size_t i = 0; i < d.results.warnings.n; i++) {
		begin_line(&n);
		cmd_print_clean(stdout, d.results.warnings.items[i]);
		putchar('\n');
	}
	begin_line(&n);
	if (d.running) {
		puts("the replay is still running");
		return;
	}
	for (size_t i = 0; i < d.results.n; i++)
		again += !strcmp(d.results.items[i].result, "started");
	if (n == 1)
		fputs("none; ", stdout);
	printf("%zu %s started again after the jump\n", again,
		again == 1 ? "unit was" : "units were");
}
