// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot reboot: a session from its command line, and the report on its steps. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/json.h"
#include "cmd/load.h"
#include "core/text.h"
#include "keep/remedies.h"
#include "choice/config.h"
#include "choice/kind.h"
#include "session/watchdog.h"

enum {
	OPT_NOW = 60,
	OPT_IGNORE,
	OPT_KEEP,
	OPT_NO_KEEP,
	OPT_DRY,
	OPT_STORE,
	OPT_GUARD,
	OPT_FALLBACK,
	OPT_CONFIRM,
	OPT_FORCE_CHECK,
	OPT_WATCHDOG,
	OPT_TRIAL
};

static const struct cmd_option own_options[] = {
	{OPT_NOW, 0, "now",
		.help = "write everything out, freeze the file systems and jump at once"},
	{OPT_KEEP, 0, "keep", "UNIT",
		.help = "keep this service's processes over the jump (repeatable)"},
	{OPT_NO_KEEP, 0, "no-keep",
		.help = "keep none of the services that \"warmboot keep\" chose"},
	{OPT_STORE, 0, "store", .values = WB_STORE_NAMES,
		.help = "where the checkpoints lie: memory, a region of it, or a file on the disk"},
	{OPT_WATCHDOG, 0, "watchdog", "SECONDS",
		.help = "it waits so long for a sign of life (120); implies --guard=auto"},
	{OPT_TRIAL, 0, "trial", "SECONDS",
		.help = "user space may take so long to come up before it bites (a minute more "
			"than the gate)"},
	{OPT_DRY, 0, "dry-run", .help = "show what would be staged and kept, change nothing"},
	{OPT_IGNORE, 0, "ignore-inhibitors", .help = "even if a program inhibits the shutdown"},
	{OPT_GUARD, 0, "guard", .values = "auto|off|require",
		.help = "guard the jump by what works here, not at all, or not jump without"},
	{OPT_FALLBACK, 0, "fallback", .values = "auto|off",
		.help = "make the next boot through the firmware start the kernel that runs now"},
	{OPT_CONFIRM, 0, "confirm", .values = "auto|manual",
		.help = "who has the last word on the new kernel: the health gate, or a person"},
	{OPT_FORCE_CHECK, 0, "force-check", "ID",
		.help = "jump although this check found something severe (repeatable)"},
	{},
};

/* A session, and the memory that its options point to. */
struct reboot {
	const struct cmd_args *args;
	struct wb_request request; /* of this command line */
	struct cmd_staged staged;  /* of that of the staged kernel */
	struct wb_strv units, forced;
	struct wb_session *session;
};

static void reboot_deinit(struct reboot *r)
{
	wb_session_free(r->session);
	wb_request_deinit(&r->request);
	cmd_staged_deinit(&r->staged);
	wb_strv_deinit(&r->units);
	wb_strv_deinit(&r->forced);
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

static int read_forced(const struct cmd_args *args, struct wb_strv *ret, struct wb_error *err)
{
	for (size_t i = 0; i < args->n_options; i++)
		if (args->options[i].option->id == OPT_FORCE_CHECK &&
			wb_strv_add(ret, args->options[i].value) < 0)
			return wb_oom(err);
	return 0;
}

/* A whole number of seconds. */
static int read_seconds(
	const struct cmd_args *args, int id, unsigned int *ret, struct wb_error *err)
{
	const char *text = cmd_get(args, id);
	uint64_t n;

	if (!text)
		return 0;
	if (!wb_span_number((struct wb_span){text, strlen(text)}, 10, &n) || !n || n > 100000)
		return wb_fail(err, -EINVAL, "\"%s\" is no number of seconds", text);
	*ret = (unsigned int)n;
	return 0;
}

static int read_guard(
	const struct cmd_args *args, struct wb_session_options *o, struct wb_error *err)
{
	bool timed = cmd_has(args, OPT_WATCHDOG) || cmd_has(args, OPT_TRIAL);
	int r = read_seconds(args, OPT_WATCHDOG, &o->watchdog, err);

	if (r == 0)
		r = read_seconds(args, OPT_TRIAL, &o->trial, err);
	if (r < 0)
		return r;
	o->guard = cmd_get(args, OPT_GUARD);
	o->fallback = cmd_get(args, OPT_FALLBACK);
	o->confirm = cmd_get(args, OPT_CONFIRM);
	if (timed && o->guard && !strcmp(o->guard, "off"))
		return wb_fail(
			err, -EINVAL, "--guard=off goes with neither --watchdog nor --trial");
	return 0;
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

static void print_trial(const struct wb_session *s)
{
	const struct wb_session_trial t = wb_session_trial(s);

	if (!t.guarded)
		return;
	if (t.back)
		printf("guard:       a boot through the firmware starts %s (by %s)\n", t.back,
			t.loader);
	else
		printf("guard:       nothing leads back to this kernel%s%s\n",
			t.why_not ? ": " : "", t.why_not ? t.why_not : "");
	if (t.panic)
		puts("             a panic or an oops of the next kernel resets the machine");
	printf("             the health gate has %" PRId64 " s%s; after a bad verdict: %s\n",
		t.deadline_s, t.manual ? ", and then a person has the last word" : "", t.action);
}

static json_t *trial_json(const struct wb_session *s)
{
	const struct wb_session_trial t = wb_session_trial(s);

	if (!t.guarded)
		return json_object();
	return json_pack("{s:o, s:o, s:o, s:b, s:b, s:s, s:I}", "back", cmd_json_or_null(t.back),
		"loader", cmd_json_or_null(t.loader), "why_not", cmd_json_or_null(t.why_not),
		"panic", t.panic, "manual", t.manual, "action", t.action, "deadline_s",
		(json_int_t)t.deadline_s);
}

/* The members of both; null: the jump is not guarded. */
static json_t *guard_json(const struct wb_session *s)
{
	struct wb_session_watchdog w;
	json_t *json, *trial;

	if (!wb_session_watchdog(s, &w))
		return json_null();
	json = json_pack("{s:o, s:o, s:o, s:i, s:i, s:i, s:b, s:b}", "watchdog",
		cmd_json_or_null(w.name), "why", cmd_json_or_null(w.why), "device",
		cmd_json_or_null(w.device), "asked_s", (int)w.asked, "seconds", (int)w.seconds,
		"trial_s", (int)w.trial, "early", w.early, "given", w.given);
	trial = trial_json(s);
	json_object_update(json, trial);
	json_decref(trial);
	return json;
}

static void print_guard(const struct wb_session *s)
{
	struct wb_session_watchdog w;
	WB_CLEAN_STR sentence = NULL;

	if (!wb_session_watchdog(s, &w))
		return;
	sentence = wb_watch_sentence(&w);
	printf("guard:       %s\n", sentence ? sentence : "?");
	if (w.name && w.seconds != w.asked)
		printf("             %u s were asked for; the device takes %u\n", w.asked,
			w.seconds);
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

	if (!strcmp(step, "stage")) {
		print_stage(r->session);
		print_guard(r->session);
	} else if (!strcmp(step, "rehearse"))
		print_units(r->session);
	else if (!strcmp(step, "trial"))
		print_trial(r->session);
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
		print_guard(r->session);
		print_units(r->session);
		print_trial(r->session);
		return 0;
	}
	json = stage ? cmd_stage_json(stage, wb_session_load(r->session), false) : json_null();
	cmd_print_json(json_pack("{s:o, s:o, s:o}", "stage", json, "units", units_json(r->session),
		"guard", guard_json(r->session)));
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

	if (cmd_request_read(args, &r.request, &err) < 0 || read_units(args, &r.units, &err) < 0 ||
		read_forced(args, &r.forced, &err) < 0 || read_guard(args, &o, &err) < 0)
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
	o.force_checks = (const char *const *)r.forced.items;
	o.n_force_checks = r.forced.n;
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
