// SPDX-License-Identifier: LGPL-2.1-or-later
/* The file of the trial. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json-table.h"
#include "core/kernel-id.h"
#include "guard/machine-class.h"
#include "core/text.h"
#include "core/valid.h"
#include "guard/trial.h"

#define VERSION 1
#define MOST_UNITS 4096
#define LONGEST_S (24 * 3600)

const struct wb_name wb_trial_verdicts[] = {
	{"open", WB_TRIAL_OPEN},
	{"good", WB_TRIAL_GOOD},
	{"degraded", WB_TRIAL_DEGRADED},
	{"bad", WB_TRIAL_BAD},
	{"left", WB_TRIAL_LEFT},
	{},
};

const struct wb_name wb_trial_actions[] = {
	{"tell", WB_TRIAL_TELL},
	{"reboot", WB_TRIAL_REBOOT},
	{"jump-back", WB_TRIAL_JUMP_BACK},
	{},
};

const char *wb_trial_verdict_name(enum wb_trial_verdict verdict)
{
	return wb_name_of(wb_trial_verdicts, verdict);
}

#define ROW(...) WB_JSON_ROW(struct wb_trial, __VA_ARGS__)

static const struct wb_json_field fields[] = {
	ROW(version, WB_JSON_INT, .needed = true, .min = VERSION, .max = VERSION),
	ROW(nonce, WB_JSON_STRING),
	ROW(boot_id, WB_JSON_STRING, .needed = true, .valid = wb_valid_uuid),
	ROW(from, WB_JSON_STRING),
	ROW(to, WB_JSON_STRING),
	ROW(method, WB_JSON_STRING),
	ROW(from_id, WB_JSON_STRING, .valid = wb_valid_kernel_id),
	ROW(from_name, WB_JSON_STRING, .valid = wb_valid_kernel_name),
	ROW(to_name, WB_JSON_STRING, .valid = wb_valid_kernel_name),
	ROW(class, WB_JSON_STRING, .valid = wb_valid_class_hash),
	ROW(entry, WB_JSON_STRING),
	ROW(back, WB_JSON_STRING),
	ROW(pin_loader, WB_JSON_STRING),
	ROW(pin_path, WB_JSON_STRING, .valid = wb_valid_path),
	ROW(pin_value, WB_JSON_STRING),
	ROW(no_pin, WB_JSON_STRING),
	ROW(panic, WB_JSON_BOOL),
	ROW(panic_before, WB_JSON_INT),
	ROW(oops_before, WB_JSON_INT),
	ROW(manual, WB_JSON_BOOL),
	ROW(action, WB_JSON_ENUM, .names = wb_trial_actions),
	ROW(deadline_s, WB_JSON_INT, .min = 1, .max = LONGEST_S),
	ROW(confirm_s, WB_JSON_INT, .min = 1, .max = 7 * LONGEST_S),
	ROW(failed, WB_JSON_STRINGS, .max = MOST_UNITS),
	ROW(records, WB_JSON_STRINGS, .max = MOST_UNITS),
	ROW(kept, WB_JSON_STRINGS, .max = MOST_UNITS),
	ROW(forced, WB_JSON_STRINGS, .max = 64),
	ROW(time, WB_JSON_INT),
	ROW(waits, WB_JSON_BOOL),
	ROW(waits_until_s, WB_JSON_INT, .min = 0, .max = INT64_MAX / 2000000000),
	ROW(verdict, WB_JSON_ENUM, .names = wb_trial_verdicts),
	ROW(judged_boot, WB_JSON_STRING, .valid = wb_valid_uuid),
	ROW(why, WB_JSON_STRING),
	ROW(phase, WB_JSON_STRING),
	ROW(evidence, WB_JSON_STRING),
	ROW(done, WB_JSON_STRING),
	ROW(judged, WB_JSON_INT),
	{},
};

void wb_trial_deinit(struct wb_trial *t)
{
	wb_json_free(fields, t);
	*t = (struct wb_trial){};
}

static int read_from(
	const struct wb_files *files, const char *path, struct wb_trial *ret, struct wb_error *err)
{
	WB_CLEAN_TRIAL t = {};
	int r = wb_json_read_file(files, path, 1 << 20, fields, &t, err);

	if (r < 0)
		return r;
	if (t.pin_loader && (!t.pin_path || !t.pin_value))
		return wb_fail(err, -EBADMSG, "%s: a pin without its place or its value", path);
	*ret = t;
	t = (struct wb_trial){};
	return 0;
}

static int write_to(const struct wb_sys *sys, const char *path, const struct wb_trial *trial,
	struct wb_error *err)
{
	struct wb_trial t = *trial;
	WB_CLEAN_STR text = NULL;
	int r;

	t.version = VERSION;
	text = wb_json_text(fields, &t, JSON_INDENT(2));
	if (!text)
		return wb_oom(err);
	r = sys->write_file(
		sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0600);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

int wb_trial_read(const struct wb_files *files, struct wb_trial *ret, struct wb_error *err)
{
	return read_from(files, WB_TRIAL, ret, err);
}

int wb_trial_write(const struct wb_sys *sys, const struct wb_trial *trial, struct wb_error *err)
{
	return write_to(sys, WB_TRIAL, trial, err);
}

int wb_trial_read_runs(const struct wb_files *files, struct wb_trial *ret, struct wb_error *err)
{
	return read_from(files, WB_TRIAL_RUNS, ret, err);
}

int wb_trial_write_runs(
	const struct wb_sys *sys, const struct wb_trial *trial, struct wb_error *err)
{
	return write_to(sys, WB_TRIAL_RUNS, trial, err);
}

char *wb_trial_metrics(const struct wb_trial *t)
{
	return wb_strf(
		"# HELP warmboot_trial_verdict The verdict on the kernel of the last guarded jump. "
		"Always 1.\n# TYPE warmboot_trial_verdict gauge\n"
		"warmboot_trial_verdict{verdict=\"%s\"} 1\n"
		"# HELP warmboot_trial_start_timestamp_seconds When that jump was asked for, since "
		"the epoch.\n# TYPE warmboot_trial_start_timestamp_seconds gauge\n"
		"warmboot_trial_start_timestamp_seconds %lld\n",
		wb_trial_verdict_name(t->verdict), (long long)t->time);
}

bool wb_trial_is_of(const struct wb_trial *t, const char *boot_id)
{
	return t->judged_boot && !strcmp(t->judged_boot, boot_id);
}

struct wb_pin wb_trial_pin(const struct wb_trial *t)
{
	return (struct wb_pin){t->pin_loader, t->pin_path, t->pin_value};
}
