// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/hold.h"
#include "cmd/replay.h"
#include "cmd/status-keep.h"
#include "jump/jump.h"
#include "replay/manager.h"

enum { OPT_FORCE = OPT_OWN };

static const struct cmd_option own_options[] = {
	{OPT_FORCE, 0, "force",
		.help = "start: replay the record even if it is not of this boot's jump"},
	{},
};

/* Names and sentences that came from units may hold what a terminal would act upon. */
static void print_clean(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

/* "unit", or "unit (user 1000)". */
static void print_unit(FILE *out, int64_t uid, const char *unit)
{
	print_clean(out, unit);
	if (uid >= 0)
		fprintf(out, " (user %" PRId64 ")", uid);
}

static void print_warnings(const struct wb_strv *warnings)
{
	for (size_t i = 0; i < warnings->n; i++) {
		fputs("warmboot: ", stderr);
		/* A user's manager has its say in them. */
		print_clean(stderr, warnings->items[i]);
		fputc('\n', stderr);
	}
}

int cmd_record_units(const struct wb_sys *sys, struct wb_blob *ret_before, struct wb_error *err)
{
	struct wb_replay_host host = wb_replay_host_real(sys);
	WB_CLEAN_STRV warnings = {};
	int r;

	if (!wb_init_systemd.here(sys->files))
		return 0;
	r = wb_replay_record_first(&host, ret_before, &warnings, err);
	print_warnings(&warnings);
	return r;
}

void cmd_take_back_units(const struct wb_sys *sys, const struct wb_blob *before)
{
	if (wb_init_systemd.here(sys->files))
		wb_replay_take_back(sys, before);
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

/* As wb_replay_compare(); "" in *ret_why where nothing need be told. */
static int compare(const struct wb_sys *sys, struct wb_differences *ret, struct wb_error *ret_why)
{
	struct wb_replay_host host = wb_replay_host_real(sys);
	WB_CLEAN_STRV ended = {};
	int r = cmd_status_kept_ended(sys->files, &ended);

	if (r < 0)
		return wb_fail(ret_why, r, "out of memory");
	host.ended = &ended;
	r = wb_replay_compare(&host, ret, ret_why);
	/* Other inits have no such record. */
	if (r < 0 && (r != -ENODATA || !wb_init_systemd.here(sys->files)))
		ret_why->text[0] = '\0';
	return r;
}

void cmd_differences_json(const struct wb_sys *sys, json_t *status)
{
	WB_CLEAN_DIFFERENCES d = {};
	json_t *missing, *added, *restarted, *warnings;
	struct wb_error why = {};

	if (compare(sys, &d, &why) < 0) {
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
	print_unit(stdout, d->worlds[i].uid, step->unit->name);
	fputs(": ", stdout);
	print_clean(stdout, why ? why : "out of memory");
	putchar('\n');
}

void cmd_print_differences(const struct wb_sys *sys)
{
	WB_CLEAN_DIFFERENCES d = {};
	struct wb_error why = {};
	size_t n = 0, again = 0;

	if (compare(sys, &d, &why) < 0) {
		if (*why.text) {
			begin_line(&n);
			fputs("not known: ", stdout);
			print_clean(stdout, why.text);
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
			print_unit(stdout, d.worlds[i].uid, plan->added[k].unit->name);
			putchar('\n');
		}
	}
	for (size_t i = 0; i < d.results.warnings.n; i++) {
		begin_line(&n);
		print_clean(stdout, d.results.warnings.items[i]);
		putchar('\n');
	}
	begin_line(&n);
	if (d.running) {
		puts("the replay is still at work");
		return;
	}
	for (size_t i = 0; i < d.results.n; i++)
		again += !strcmp(d.results.items[i].result, "started");
	if (n == 1)
		fputs("none; ", stdout);
	printf("%zu %s started again after the jump\n", again,
		again == 1 ? "unit was" : "units were");
}

static int run_record(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	struct wb_replay_host host = wb_replay_host_real(sys);
	WB_CLEAN_STRV warnings = {};
	WB_CLEAN_RECORD jump = {};
	struct wb_error err = {};
	int r = wb_record_read(sys->files, WB_RECORD_JUMP, &jump, &err);

	if (r == 0)
		r = wb_replay_record(&host, &jump, &warnings, &err);
	print_warnings(&warnings);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

/* Several processes do: each line in one go. */
static void tell(void *arg, const struct wb_replay_result *result, const char *warning)
{
	if (warning) {
		print_clean(stdout, warning);
	} else {
		printf("%s: ", result->result);
		print_unit(stdout, result->uid, result->unit);
		fputs(*result->why ? ": " : "", stdout);
		print_clean(stdout, result->why);
	}
	putchar('\n');
	fflush(stdout);
}

static int run_start(const struct cmd_args *args)
{
	struct wb_replay_host host = wb_replay_host_real(wb_sys_real());
	/* As it happens, for who watches the journal. */
	WB_CLEAN_RESULTS results = {.tell = tell};
	WB_CLEAN_STRV ended = {};
	struct wb_error err = {};
	int r = cmd_status_kept_ended(host.sys->files, &ended);

	if (r < 0)
		wb_fail(&err, r, "out of memory");
	if (r < 0)
		return cmd_fail(args, &err);
	host.ended = &ended;
	r = wb_replay_start(&host, cmd_has(args, OPT_FORCE), &results, &err);
	/* Ports of units that nothing else in the boot starts are closed until now. */
	cmd_hold_end(host.sys, true, NULL);
	if (r == -EALREADY) {
		puts(err.text);
		return CMD_DONE;
	}
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

static int run_generate(const struct cmd_args *args)
{
	struct wb_replay_host host = wb_replay_host_real(wb_sys_real());
	struct wb_error err = {};

	if (args->n_words < 3) {
		wb_fail(&err, -EINVAL,
			"generate needs the directories that systemd gives a generator");
		return cmd_misused(args, &err);
	}
	if (wb_replay_generate(&host, args->words[1], args->words[2], &err) < 0)
		return cmd_fail(args, &err);
	return CMD_DONE;
}

static int run_replay(const struct cmd_args *args)
{
	static const struct {
		const char *name;
		int (*run)(const struct cmd_args *args);
	} actions[] = {{"record", run_record}, {"start", run_start}, {"generate", run_generate}};
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(args->words[0], actions[i].name))
			return actions[i].run(args);
	wb_fail(&err, -EINVAL, "replay knows record, start and generate, not \"%s\"",
		args->words[0]);
	return cmd_misused(args, &err);
}

const struct cmd_row cmd_replay = {
	.name = "replay",
	.args = "record|start|generate [DIR]...",
	.min_args = 1,
	.max_args = 4,
	.help = "record what runs, and start it again in the boot that a jump led to",
	.options = {own_options},
	.run = run_replay,
};
