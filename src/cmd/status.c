// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot status: what runs, what is staged, what blocks a jump, and how the last one went. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cmd/gate.h"
#include "cmd/json.h"
#include "cmd/status.h"

enum { OPT_RECORD = OPT_OWN, OPT_WAIT };

static const struct cmd_option own_options[] = {
	{OPT_RECORD, 0, "record", .help = "record the verdict on the last jump, once in each boot"},
	{OPT_WAIT, 0, "wait",
		.help = "wait until the kernel on trial is judged; exit code 0: good, 3: degraded, "
			"1: bad"},
	{},
};

static json_t *staged_json(const struct wb_status *s)
{
	static const char stranger[] = "loaded by another program than warmboot",
			  secret[] = "only root may read how";
	const struct wb_record *rec = &s->staged;
	bool ours = s->have_staged;

	if (!s->loaded)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:s, s:b, s:o}", "entry",
		cmd_json_or_null(rec->entry), "kernel", cmd_json_or_null(rec->kernel), "release",
		cmd_json_or_null(rec->to), "method", rec->method ? rec->method : "unknown",
		"initramfs", cmd_json_or_null(rec->initramfs), "why",
		ours                  ? (rec->why ? rec->why : "")
		: s->staged_is_secret ? secret
				      : stranger,
		"by_itself", s->by_itself, "bytes",
		s->by_itself ? json_integer(s->by.bytes) : json_null());
}

/* RFC 3339, UTC; null for 0. */
static json_t *moment_json(int64_t ns)
{
	time_t t = ns / 1000000000;
	char text[32], all[48];
	struct tm tm;

	if (!ns || !gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return json_null();
	snprintf(all, sizeof(all), "%s.%03dZ", text, (int)(ns / 1000000 % 1000));
	return json_string(all);
}

/* One object for each unit that was kept over the last jump, `nonce` its number. */
static json_t *kept_json(const struct wb_files *files, const char *nonce)
{
	WB_CLEAN_RESULT result = {};
	json_t *list = json_array();

	if (wb_result_find(files, nonce, &result, NULL) < 0)
		return list;
	for (size_t i = 0; i < result.units.n; i++) {
		const struct wb_unit_result *u = &result.units.items[i];

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:I, s:f, s:f, s:o}",
				"name", wb_chosen_name(u), "unit", u->unit, "outcome",
				wb_status_outcome(&wb_runner_host, u), "asked",
				cmd_json_or_null(wb_keep_how_name(u->asked)), "how",
				cmd_json_or_null(wb_keep_how_name(u->how)), "why",
				cmd_json_or_null(u->why), "ahead_bytes", (json_int_t)u->ahead_bytes,
				"ahead_why", cmd_json_or_null(u->ahead_why), "dump_bytes",
				(json_int_t)u->dump_bytes, "dump_s", u->dump_s, "frozen_s",
				u->frozen_s, "thawed_at", moment_json(u->thawed_ns)));
	}
	return list;
}

static void print_json(const struct wb_status *s)
{
	const struct wb_verdict *v = &s->verdict;
	json_t *blockers = json_array();
	char when[32];
	json_t *json;

	for (size_t i = 0; i < s->blockers.n; i++)
		json_array_append_new(blockers, cmd_json_or_null(s->blockers.items[i]));
	json = json_pack(
		"{s:o, s:o, s:{s:b, s:I}, s:o, s:b, s:o, s:{s:s, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o}}",
		"running", cmd_json_or_null(s->traces.release), "staged", staged_json(s),
		"crash_kernel", "loaded", s->crash_loaded, "reserved_bytes",
		(json_int_t)s->crash_size, "lockdown", cmd_json_or_null(s->policy.lockdown),
		"load_disabled", s->policy.disabled, "blockers", blockers, "last_jump", "outcome",
		wb_outcome_name(v->outcome), "from", cmd_json_or_null(v->from), "to",
		cmd_json_or_null(v->to), "method", cmd_json_or_null(v->method), "when",
		cmd_json_or_null(cmd_time_text(v->when, when)), "why", cmd_json_or_null(v->why),
		"guard", cmd_json_or_null(s->jump.guard), "guard_state",
		cmd_json_or_null(s->guard_state));
	json_object_set_new(json, "trial", cmd_trial_json(&s->trial, s->have_trial));
	json_object_set_new(json, "kept", kept_json(wb_sys_real()->files, wb_status_last_jump(s)));
	cmd_differences_json(wb_sys_real(), json);
	cmd_print_json(json);
}

static void print_verdict(const struct wb_verdict *v)
{
	char when[32];

	printf("last jump:     %s", wb_outcome_name(v->outcome));
	if (v->from || v->to)
		printf(", %s -> %s", v->from ? v->from : "?", v->to ? v->to : "?");
	if (v->method)
		printf(", %s", v->method);
	if (v->when)
		printf(", %s", cmd_time_text(v->when, when));
	printf("%s%s%s\n", v->why ? " (" : "", v->why ? v->why : "", v->why ? ")" : "");
}

static void print_guard(const struct wb_status *s)
{
	if (s->jump.guard) {
		fputs("guard:         ", stdout);
		cmd_print_clean(stdout, s->jump.guard);
		puts("");
	}
	if (s->guard_state)
		printf("watchdog:      %s\n", s->guard_state);
}

static void print_kept(const struct wb_files *files, const char *nonce)
{
	WB_CLEAN_RESULT result = {};

	if (wb_result_find(files, nonce, &result, NULL) < 0)
		return;
	for (size_t i = 0; i < result.units.n; i++) {
		const struct wb_unit_result *u = &result.units.items[i];

		printf("%s%s: %s", i ? "               " : "kept:          ", wb_chosen_name(u),
			wb_status_outcome(&wb_runner_host, u));
		if (u->frozen_s > 0)
			printf(", frozen for %.2f s", u->frozen_s);
		if (u->ahead_bytes)
			printf(", %" PRId64 " MiB copied while it ran", u->ahead_bytes >> 20);
		else if (u->ahead_why)
			fputs(", nothing copied while it ran", stdout);
		if (u->ahead_why)
			printf(": %s", u->ahead_why);
		printf("%s%s%s\n", u->why ? " (" : "", u->why ? u->why : "", u->why ? ")" : "");
	}
}

static void print_text(const struct wb_status *s)
{
	const struct wb_record *rec = &s->staged;

	printf("running:       %s\n", s->traces.release ? s->traces.release : "?");
	if (!s->loaded)
		puts("staged:        nothing");
	else if (!s->have_staged)
		printf("staged:        a kernel%s\n", s->staged_is_secret
							      ? "; only root may read which and how"
							      : " that another program loaded");
	else
		printf("staged:        %s, %s%s%s\n               %s\n",
			rec->to ? rec->to : (rec->kernel ? rec->kernel : "?"),
			rec->method ? rec->method : "?", rec->entry ? ", entry " : "",
			rec->entry ? rec->entry : "", rec->why ? rec->why : "");
	if (s->by_itself)
		printf("               staged by itself (warmboot stage-auto), %" PRId64
		       " MiB of memory\n",
			s->by.bytes >> 20);
	printf("crash kernel:  %s, %lld MiB reserved\n", s->crash_loaded ? "loaded" : "not loaded",
		(long long)s->crash_size >> 20);
	printf("lockdown:      %s\n",
		*s->policy.lockdown ? s->policy.lockdown : "not in this kernel");
	printf("load disabled: %s\n",
		s->policy.disabled ? "yes (kernel.kexec_load_disabled)" : "no");
	print_verdict(&s->verdict);
	if (s->have_trial)
		cmd_print_trial(&s->trial);
	print_guard(s);
	print_kept(wb_sys_real()->files, wb_status_last_jump(s));
	for (size_t i = 0; i < s->blockers.n; i++)
		printf("%s%s\n", i ? "               " : "blockers:      ", s->blockers.items[i]);
}

static int run_status(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	bool json = cmd_has(args, OPT_JSON), recorded = cmd_has(args, OPT_RECORD);
	const struct wb_gate_host gate = cmd_gate_host();
	WB_CLEAN_STATUS s = {};
	WB_CLEAN_TRIAL judged = {};
	struct wb_error err = {};
	int code = CMD_DONE;

	if (cmd_has(args, OPT_WAIT)) {
		if (wb_gate_wait(&gate, 0, &judged, &err) < 0)
			return cmd_fail(args, &err);
		code = cmd_verdict_code(judged.verdict);
	}
	if (wb_status_read(sys, &s, &err) < 0 ||
		(recorded && wb_status_record(sys, wb_store_env_real(), &s, &err) < 0))
		return cmd_fail(args, &err);
	if (json)
		print_json(&s);
	else
		print_text(&s);
	/* The record is made while the boot goes on: there are no differences yet. */
	if (!json && !recorded)
		cmd_print_differences(sys);
	return code;
}

/* warmboot-record.service runs it with --record, which writes files and wipes stores. */
static enum cmd_lock lock(const struct cmd_args *args)
{
	return cmd_has(args, OPT_RECORD) ? CMD_LOCK_UNIT : CMD_LOCK_NONE;
}

const struct cmd_row cmd_status = {
	.name = "status",
	.args = "",
	.help = "show what runs, what is staged, what blocks a jump, and how the last one went",
	.notes = "The last jump is one of: jumped; firmware-reboot (it was asked for, but the "
		 "machine came up\nthrough its firmware); not-happened (the old kernel still "
		 "runs); unknown; none.",
	.options = {own_options, cmd_json_option},
	.lock = lock,
	.run = run_status,
};
