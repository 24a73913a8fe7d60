// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/json.h"
#include "cmd/load.h"
#include "cmd/status-keep.h"
#include "cmd/replay.h"
#include "stage/policy.h"

enum { OPT_RECORD = OPT_OWN };

static const struct cmd_option own_options[] = {
	{OPT_RECORD, 0, "record",
		.help = "write the verdict on the last jump down, once in each boot"},
	{},
};

struct status {
	struct wb_policy policy;
	struct wb_traces traces;
	struct wb_record staged, jump;
	bool have_staged_record, staged_is_secret, have_jump, loaded, crash_loaded;
	int64_t crash_size; /* bytes reserved */
	struct wb_verdict verdict;
	struct wb_error unreadable; /* why the record of the jump is not known */
	struct wb_strv blockers;
};

static bool read_flag(const struct wb_files *files, const char *path)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, path, CMD_SMALL_FILE, &b, NULL) == 0 && b.data[0] == '1';
}

/* One sentence for each thing that stands in the way of a jump. */
static int find_blockers(const struct wb_sys *sys, struct status *s)
{
	struct wb_policy as_root = s->policy;
	WB_CLEAN_ENTRIES all = {};
	struct wb_error err = {};
	int r = 0;

	/* Each gate alone, since the check names only the first that is shut. */
	if (!s->policy.may_boot) {
		if (wb_policy_check(&s->policy, true, &err) < 0)
			r = wb_strv_add(&s->blockers, err.text);
		as_root.may_boot = true;
	}
	if (r == 0 && wb_policy_check(&as_root, true, &err) < 0)
		r = wb_strv_add(&s->blockers, err.text);
	if (r == 0 && as_root.signature && wb_policy_check(&as_root, false, &err) == -EPERM &&
		!as_root.disabled && !as_root.no_kexec)
		r = wb_strv_add(&s->blockers, err.text);
	if (r < 0 || s->loaded)
		return r;
	if (wb_entries_find(sys->files, &all, &err) < 0)
		return wb_strv_add(&s->blockers, err.text);
	if (!all.n)
		return wb_strv_add(&s->blockers, "no boot entry was found in /boot, /efi or "
						 "/usr/lib/modules; name files with "
						 "warmboot load --kernel");
	return 0;
}

static int read_status(const struct wb_sys *sys, struct status *s, struct wb_error *err)
{
	int r;

	wb_policy_read(sys, &s->policy);
	s->loaded = cmd_is_loaded(sys);
	s->crash_loaded = read_flag(sys->files, "/sys/kernel/kexec_crash_loaded");
	s->crash_size = (int64_t)wb_read_number(sys->files, "/sys/kernel/kexec_crash_size");
	if (wb_traces_read(sys->files, &s->traces) < 0)
		return wb_oom(err);
	r = wb_record_read(sys->files, WB_RECORD_JUMP, &s->jump, &s->unreadable);
	s->have_jump = r == 0;
	if (s->loaded) {
		int got = wb_record_read(sys->files, WB_RECORD_STAGED, &s->staged, NULL);

		s->have_staged_record = got == 0;
		s->staged_is_secret = got == -EACCES;
	}
	s->verdict = wb_judge(s->have_jump ? &s->jump : NULL, &s->traces);
	if (r < 0 && r != -ENOENT && s->verdict.outcome == WB_OUTCOME_NONE) {
		s->verdict.outcome = WB_OUTCOME_UNKNOWN;
		s->verdict.why = s->unreadable.text;
	}
	r = find_blockers(sys, s);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

static void status_deinit(struct status *s)
{
	wb_traces_deinit(&s->traces);
	wb_record_deinit(&s->staged);
	wb_record_deinit(&s->jump);
	wb_strv_deinit(&s->blockers);
}

/* RFC 3339, UTC; "" for 0. */
static const char *time_text(int64_t seconds, char ret[32])
{
	time_t t = seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&t, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		ret[0] = '\0';
	return ret;
}

static json_t *staged_json(const struct status *s)
{
	static const char stranger[] = "loaded by another program than warmboot",
			  secret[] = "only root may read how";
	const struct wb_record *rec = &s->staged;
	bool ours = s->have_staged_record;

	if (!s->loaded)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:s}", "entry", cmd_json_or_null(rec->entry),
		"kernel", cmd_json_or_null(rec->kernel), "release", cmd_json_or_null(rec->to),
		"method", rec->method ? rec->method : "unknown", "initramfs",
		cmd_json_or_null(rec->initramfs), "why",
		ours                  ? (rec->why ? rec->why : "")
		: s->staged_is_secret ? secret
				      : stranger);
}

/* The number of the jump whose verdict this is; NULL none. */
static const char *last_jump(const struct status *s)
{
	enum wb_outcome o = s->verdict.outcome;

	return o == WB_OUTCOME_NONE || o == WB_OUTCOME_NOT_HAPPENED ? NULL : s->jump.nonce;
}

static void print_json(const struct status *s)
{
	const struct wb_verdict *v = &s->verdict;
	json_t *blockers = json_array();
	char when[32];
	json_t *json;

	for (size_t i = 0; i < s->blockers.n; i++)
		json_array_append_new(blockers, cmd_json_or_null(s->blockers.items[i]));
	json = json_pack(
		"{s:o, s:o, s:{s:b, s:I}, s:o, s:b, s:o, s:{s:s, s:o, s:o, s:o, s:o, s:o}}",
		"running", cmd_json_or_null(s->traces.release), "staged", staged_json(s),
		"crash_kernel", "loaded", s->crash_loaded, "reserved_bytes",
		(json_int_t)s->crash_size, "lockdown", cmd_json_or_null(s->policy.lockdown),
		"load_disabled", s->policy.disabled, "blockers", blockers, "last_jump", "outcome",
		wb_outcome_name(v->outcome), "from", cmd_json_or_null(v->from), "to",
		cmd_json_or_null(v->to), "method", cmd_json_or_null(v->method), "when",
		cmd_json_or_null(time_text(v->when, when)), "why", cmd_json_or_null(v->why));
	json_object_set_new(json, "kept", cmd_status_kept_json(wb_sys_real()->files, last_jump(s)));
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
		printf(", %s", time_text(v->when, when));
	printf("%s%s%s\n", v->why ? " (" : "", v->why ? v->why : "", v->why ? ")" : "");
}

static void print_text(const struct status *s)
{
	const struct wb_record *rec = &s->staged;

	printf("running:       %s\n", s->traces.release ? s->traces.release : "?");
	if (!s->loaded)
		puts("staged:        nothing");
	else if (!s->have_staged_record)
		printf("staged:        a kernel%s\n", s->staged_is_secret
							      ? "; only root may read which and how"
							      : " that another program loaded");
	else
		printf("staged:        %s, %s%s%s\n               %s\n",
			rec->to ? rec->to : (rec->kernel ? rec->kernel : "?"),
			rec->method ? rec->method : "?", rec->entry ? ", entry " : "",
			rec->entry ? rec->entry : "", rec->why ? rec->why : "");
	printf("crash kernel:  %s, %lld MiB reserved\n", s->crash_loaded ? "loaded" : "not loaded",
		(long long)s->crash_size >> 20);
	printf("lockdown:      %s\n",
		*s->policy.lockdown ? s->policy.lockdown : "not in this kernel");
	printf("load disabled: %s\n",
		s->policy.disabled ? "yes (kernel.kexec_load_disabled)" : "no");
	print_verdict(&s->verdict);
	cmd_status_kept_print(wb_sys_real()->files, last_jump(s));
	for (size_t i = 0; i < s->blockers.n; i++)
		printf("%s%s\n", i ? "               " : "blockers:      ", s->blockers.items[i]);
}

static char *copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

/*
 * A verdict can be had only in the boot that followed a jump; written down, it is still known
 * after the next.
 */
static int write_verdict(const struct wb_sys *sys, const struct status *s, struct wb_error *err)
{
	const struct wb_verdict *v = &s->verdict;
	WB_CLEAN_RECORD rec = {};

	if (v->outcome == WB_OUTCOME_NONE || v->outcome == WB_OUTCOME_NOT_HAPPENED ||
		s->jump.judged_boot)
		return 0;
	rec = (struct wb_record){
		.entry = copy(s->jump.entry),
		.kernel = copy(s->jump.kernel),
		.from = copy(v->from),
		.to = copy(v->to),
		.method = copy(v->method),
		.initramfs = copy(s->jump.initramfs),
		.why = copy(s->jump.why),
		.nonce = copy(s->jump.nonce),
		.boot_id = copy(s->jump.boot_id),
		.time = v->when,
		.outcome = v->outcome,
		.judged_boot = copy(s->traces.boot_id),
		.judged_why = copy(v->why),
	};
	return wb_record_write(sys, WB_RECORD_JUMP, &rec, err);
}

/*
 * A jump that did not come to pass leaves its store where power or firmware does not clear it, and so does
 * one before which the freeze failed. What a jump brought whole stays for who put it there. Once: what is
 * there later is another's.
 */
static int wipe_stale(const struct status *s, struct wb_error *err)
{
	enum wb_outcome o = s->verdict.outcome;
	WB_CLEAN_STORE store = NULL;
	int r;

	if (s->jump.judged_boot || o == WB_OUTCOME_NONE || o == WB_OUTCOME_NOT_HAPPENED)
		return 0;
	/* Another's kernel, which perhaps only looks why the last one crashed. */
	if (o == WB_OUTCOME_UNKNOWN && s->traces.by_kexec)
		return 0;
	r = wb_store_attach(wb_store_env_real(), &store, NULL);
	if (o == WB_OUTCOME_JUMPED && (r == 0 || r == -ENOENT))
		return 0;
	r = wb_store_wipe_any(wb_store_env_real(), err);
	return r == -ENOENT ? 0 : r;
}

/* One that fails is no reason to leave the others. */
static int record(const struct wb_sys *sys, const struct status *s, struct wb_error *err)
{
	struct wb_error why[3] = {};
	const int r[3] = {wipe_stale(s, &why[0]), write_verdict(sys, s, &why[1]),
		cmd_status_kept_record(sys, &why[2])};

	for (size_t i = 0; i < 3; i++)
		if (r[i] < 0)
			return wb_fail(err, r[i], "%s", why[i].text);
	return 0;
}

static int run_status(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	struct wb_error err = {};
	struct status s = {};
	int code = CMD_DONE;

	if (read_status(sys, &s, &err) < 0 ||
		(cmd_has(args, OPT_RECORD) && record(sys, &s, &err) < 0))
		code = cmd_fail(args, &err);
	else if (cmd_has(args, OPT_JSON))
		print_json(&s);
	else
		print_text(&s);
	/* Who writes the verdict down does so while the boot goes on: there are none to tell yet. */
	if (code == CMD_DONE && !cmd_has(args, OPT_RECORD) && !cmd_has(args, OPT_JSON))
		cmd_print_differences(sys);
	status_deinit(&s);
	return code;
}

const struct cmd_row cmd_status = {
	.name = "status",
	.args = "",
	.help = "show what runs, what is staged, what blocks a jump, and how the last one went",
	.notes = "The last jump is one of: jumped; firmware-reboot (it was asked for, but the "
		 "machine "
		 "came up\n"
		 "through its firmware); not-happened (the kernel that was to be left still runs); "
		 "unknown; none.",
	.options = {own_options, cmd_json_option},
	.run = run_status,
};
