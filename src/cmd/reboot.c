// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot reboot: a session from its command line, and the report on its steps. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/json.h"
#include "cmd/load.h"
#include "keep/remedies.h"
#include "choice/config.h"
#include "choice/kind.h"

enum { OPT_NOW = 60, OPT_IGNORE, OPT_KEEP, OPT_NO_KEEP, OPT_DRY, OPT_STORE };

static const struct cmd_option own_options[] = {
	{OPT_NOW, 0, "now",
		.help = "write everything out, freeze the file systems and jump at once"},
	{OPT_KEEP, 0, "keep", "UNIT",
		.help = "keep this service's processes over the jump (repeatable)"},
	{OPT_NO_KEEP, 0, "no-keep",
		.help = "keep none of the services that \"warmboot keep\" chose"},
	{OPT_STORE, 0, "store", .values = WB_STORE_NAMES,
		.help = "where the checkpoints lie: memory, a region of it, or a file on the disk"},
	{OPT_DRY, 0, "dry-run", .help = "show what would be staged and kept, change nothing"},
	{OPT_IGNORE, 0, "ignore-inhibitors", .help = "even if a program inhibits the shutdown"},
	{},
};

/* A session, and the memory that its options point to. */
struct reboot {
	const struct cmd_args *args;
	struct wb_request request; /* of this command line */
	struct cmd_staged staged;  /* of that of the staged kernel */
	struct wb_strv units;
	struct wb_session *session;
};

static void reboot_deinit(struct reboot *r)
{
	wb_session_free(r->session);
	wb_request_deinit(&r->request);
	cmd_staged_deinit(&r->staged);
	wb_strv_deinit(&r->units);
}
#define CLEAN_REBOOT __attribute__((cleanup(reboot_deinit))) struct reboot

static int reread(void *arg, const char *text, struct wb_session_options *ret)
{
	struct reboot *r = arg;

	return cmd_reread(&r->staged, text, ret);
}

static int read_units(const struct cmd_args *args, struct wb_strv *ret, struct wb_error *err)
{
	static const int one_of[] = {OPT_KEEP, OPT_NO_KEEP, 0},
			 or_store[] = {OPT_STORE, OPT_NO_KEEP, 0};

	for (size_t i = 0; i < args->n_options; i++) {
		WB_CLEAN_STR name = NULL;
		int r = 0;

		if (args->options[i].option->id != OPT_KEEP)
			continue;
		r = wb_keep_name(args->options[i].value, &name, err);
		if (r < 0)
			return r;
		if (wb_strv_add(ret, name) < 0)
			return wb_oom(err);
	}
	return cmd_one_of(args, one_of, err) < 0 ? -EINVAL : cmd_one_of(args, or_store, err);
}

/* ---- the report ---- */

static const char *remedy_of(const struct wb_session_unit *u)
{
	return u->why && u->unit ? wb_remedy_find(u->unit, u->why) : NULL;
}

static json_t *units_json(const struct wb_session *s)
{
	json_t *list = json_array();
	struct wb_session_unit u;

	for (size_t i = 0; wb_session_unit(s, i, &u); i++)
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:s, s:o, s:I, s:o}", "name",
				      cmd_json_or_null(u.name), "unit", cmd_json_or_null(u.unit),
				      "how", u.how, "why", cmd_json_or_null(u.why), "ahead_bytes",
				      (json_int_t)u.ahead_bytes, "remedy",
				      cmd_json_or_null(remedy_of(&u))));
	return list;
}

static void print_units(const struct wb_session *s)
{
	struct wb_session_unit u;

	for (size_t i = 0; wb_session_unit(s, i, &u); i++) {
		printf("keep:        %s: %s%s%s\n", u.name, u.how, u.why ? ": " : "",
			u.why ? u.why : "");
		if (remedy_of(&u))
			printf("             remedy: %s\n", remedy_of(&u));
		if (u.process && u.after)
			printf("             it comes back after %s, which is ordered before it\n",
				u.after);
		if (u.ahead_bytes)
			printf("             %" PRIu64
			       " MiB of its memory are copied while it runs\n",
				u.ahead_bytes >> 20);
		else if (u.process && u.ahead_why)
			printf("             its memory is copied while it stands still: %s\n",
				u.ahead_why);
	}
}

static void print_stage(const struct wb_session *s)
{
	if (wb_session_stage(s))
		cmd_print_stage(wb_session_stage(s), wb_session_load(s));
}

void cmd_announce_shutdown(const struct wb_session *s, const char *step)
{
	if (strcmp(step, "record") || !wb_session_init(s))
		return;
	printf("Shutting down through %s, then jumping.\n", wb_session_init(s));
	fflush(stdout);
}

static void done(void *arg, const char *step)
{
	const struct reboot *r = arg;

	if (!strcmp(step, "stage"))
		print_stage(r->session);
	else if (!strcmp(step, "rehearse"))
		print_units(r->session);
	cmd_announce_shutdown(r->session, step);
}

static int preview(const struct reboot *r, struct wb_error *err)
{
	const struct wb_stage *stage;
	json_t *json;
	int e = wb_session_preview(r->session, err);

	if (e < 0)
		return e;
	stage = wb_session_stage(r->session);
	if (!cmd_has(r->args, OPT_JSON)) {
		print_stage(r->session);
		print_units(r->session);
		return 0;
	}
	json = stage ? cmd_stage_json(stage, wb_session_load(r->session), false) : json_null();
	cmd_print_json(json_pack("{s:o, s:o}", "stage", json, "units", units_json(r->session)));
	return 0;
}

static int run_reboot(const struct cmd_args *args)
{
	CLEAN_REBOOT r = {.args = args};
	struct wb_session_options o = {.size = sizeof(o),
		.stage_anew = cmd_asks_for_stage(args),
		.reread = reread,
		.keep_none = cmd_has(args, OPT_NO_KEEP),
		.store = cmd_get(args, OPT_STORE),
		.now = cmd_has(args, OPT_NOW),
		.ignore_inhibitors = cmd_has(args, OPT_IGNORE),
		.lock = &args->lock,
		.program = "/proc/self/exe",
		.tell = cmd_teller};
	bool dry = cmd_has(args, OPT_DRY);
	struct wb_error err = {};

	if (cmd_request_read(args, &r.request, &err) < 0 || read_units(args, &r.units, &err) < 0)
		return cmd_misused(args, &err);
	if (cmd_has(args, OPT_JSON) && !dry) {
		wb_fail(&err, -EINVAL,
			"--json goes with --dry-run: the reboot itself ends in another kernel");
		return cmd_misused(args, &err);
	}
	cmd_request_give(&r.request, &o);
	/* If the command line does not choose a kernel, the staged one is used. */
	if (!o.stage_anew)
		o.entry = NULL;
	o.keep = (const char *const *)r.units.items;
	o.n_keep = r.units.n;
	o.tell.arg = &r;
	o.tell.done = done;
	if (!dry)
		cmd_put_off_signals();
	if (wb_session_new(&o, &r.session, &err) < 0 ||
		(dry ? preview(&r, &err) : wb_session_run(r.session, &err)) < 0)
		return cmd_fail(args, &err);
	return CMD_DONE;
}

static enum cmd_lock lock(const struct cmd_args *args)
{
	return cmd_has(args, OPT_DRY) ? CMD_LOCK_NONE : CMD_LOCK_COMMAND;
}

const struct cmd_row cmd_reboot = {
	.name = "reboot",
	.args = "[ENTRY]",
	.max_args = 1,
	.help = "stage a kernel unless one is staged, stop everything in order and jump",
	.notes = "If staging fails, nothing has been stopped. Under systemd the shutdown goes "
		 "through logind, and\n"
		 "programs that hold a shutdown inhibitor stop it. Under OpenRC and sysvinit the "
		 "shutdown scripts\n"
		 "are run, all but the one that reboots, and then the jump is made; other inits "
		 "need --now.\n"
		 "\"warmboot status\" shows afterwards whether it was a jump or a reboot through "
		 "the firmware.",
	.options = {cmd_load_options, own_options, cmd_json_option},
	.lock = lock,
	.run = run_reboot,
};
