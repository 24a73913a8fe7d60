// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading and writing records, reading traces, and judging a jump by both. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "core/cmdline.h"
#include "core/json-table.h"
#include "core/text.h"
#include "jump/record.h"
#include "sys/handoff.h"

static const struct wb_name outcome_names[] = {
	{"none", WB_OUTCOME_NONE},
	{"jumped", WB_OUTCOME_JUMPED},
	{"firmware-reboot", WB_OUTCOME_FIRMWARE},
	{"not-happened", WB_OUTCOME_NOT_HAPPENED},
	{"unknown", WB_OUTCOME_UNKNOWN},
	{},
};

const char *wb_outcome_name(enum wb_outcome outcome)
{
	return wb_name_of(outcome_names, outcome);
}

#define ROW(...) WB_JSON_ROW(struct wb_record, __VA_ARGS__)

static const struct wb_json_field fields[] = {
	ROW(entry, WB_JSON_STRING),
	ROW(kernel, WB_JSON_STRING),
	ROW(from, WB_JSON_STRING),
	ROW(to, WB_JSON_STRING),
	ROW(method, WB_JSON_STRING),
	ROW(initramfs, WB_JSON_STRING),
	ROW(why, WB_JSON_STRING),
	ROW(guard, WB_JSON_STRING),
	ROW(words, WB_JSON_STRING),
	ROW(nonce, WB_JSON_STRING),
	ROW(boot_id, WB_JSON_STRING),
	ROW(judged_boot, WB_JSON_STRING),
	ROW(judged_why, WB_JSON_STRING),
	ROW(forced, WB_JSON_STRINGS, .max = 64, .sparse = true),
	ROW(time, WB_JSON_INT),
	ROW(since_ns, WB_JSON_INT),
	/* A later version may write other outcomes. */
	ROW(outcome, WB_JSON_ENUM, .names = outcome_names, .sparse = true,
		.other = WB_OUTCOME_UNKNOWN),
	{},
};

void wb_record_deinit(struct wb_record *rec)
{
	if (!rec)
		return;
	wb_json_free(fields, rec);
	*rec = (struct wb_record){};
}

bool wb_record_is_recent(const struct wb_record *rec, uint64_t boot_ns)
{
	return rec->since_ns > 0 && boot_ns >= (uint64_t)rec->since_ns &&
	       boot_ns - (uint64_t)rec->since_ns < WB_LONGEST_REBOOT * UINT64_C(1000000000);
}

int wb_record_read(
	const struct wb_files *files, const char *path, struct wb_record *ret, struct wb_error *err)
{
	struct wb_record rec = {};
	struct wb_error why = {};
	int r = wb_json_read_file(files, path, 1 << 16, fields, &rec, &why);

	if (r < 0)
		return wb_fail(err, r, r == -EBADMSG ? "%s: remove the file" : "%s", why.text);
	*ret = rec;
	return 0;
}

int wb_record_write(const struct wb_sys *sys, const char *path, const struct wb_record *rec,
	struct wb_error *err)
{
	WB_CLEAN_STR text = wb_json_text(fields, rec, JSON_INDENT(2));
	struct wb_bytes bytes;
	int r;

	if (!text)
		return wb_oom(err);
	bytes = (struct wb_bytes){(const uint8_t *)text, strlen(text)};
	/* Command lines may hold secrets. */
	r = sys->write_file(sys->ctx, path, bytes, 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", path, strerror(-r));
	return 0;
}

/* A file's text without the newline at its end; NULL when it cannot be read. -ENOMEM. */
static int read_line(const struct wb_files *files, const char *path, char **ret)
{
	WB_CLEAN_BLOB blob = {};
	int r = files->read(files->ctx, path, 1 << 16, &blob, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	*ret = strndup((const char *)blob.data, strcspn((const char *)blob.data, "\n"));
	return *ret ? 0 : -ENOMEM;
}

static int take_handoff(const struct wb_handoff *h, struct wb_traces *t)
{
	t->handoff_nonce = malloc(33);
	if (!t->handoff_nonce)
		return -ENOMEM;
	wb_hex_write(h->nonce, 16, t->handoff_nonce);
	t->handoff_from = strndup(h->from_release, sizeof(h->from_release));
	t->handoff_to = strndup(h->to_release, sizeof(h->to_release));
	t->handoff_method = strndup(h->method, sizeof(h->method));
	t->handoff_time = h->wall_ns / 1000000000;
	t->handoff_hz = h->tsc_hz;
	t->handoff_enter = h->tsc_enter;
	t->handoff_leave = h->tsc_leave;
	t->handoff_bytes = h->verified_bytes;
	return t->handoff_from && t->handoff_to && t->handoff_method ? 0 : -ENOMEM;
}

int wb_traces_read(const struct wb_files *files, struct wb_traces *ret)
{
	const struct wb_arch *arch = wb_arch_of(files);
	WB_CLEAN_STR cmdline = NULL;
	WB_CLEAN_BLOB stat = {};
	WB_CLEAN_TRACES t = {};
	struct wb_handoff h;
	int r = read_line(files, "/proc/cmdline", &cmdline);

	if (r == 0)
		r = read_line(files, "/proc/sys/kernel/random/boot_id", &t.boot_id);
	if (r == 0)
		r = read_line(files, "/proc/sys/kernel/osrelease", &t.release);
	if (r == 0 && cmdline)
		r = wb_cmdline_get(cmdline, WB_JUMP_WORD, &t.word);
	if (r == 0 || r == -ENOENT)
		r = wb_handoff_read(files, &h) ? take_handoff(&h, &t) : 0;
	if (r < 0)
		return r;
	r = arch->by_kexec ? arch->by_kexec(files) : 0;
	if (r < 0)
		return r;
	t.by_kexec = r > 0;
	r = files->read(files->ctx, "/proc/stat", 1 << 20, &stat, NULL);
	if (r == -ENOMEM)
		return r;
	if (r == 0) {
		const char *btime = strstr((const char *)stat.data, "\nbtime ");

		if (btime)
			t.boot_time = strtoll(btime + 7, NULL, 10);
	}
	*ret = t;
	t = (struct wb_traces){};
	return 0;
}

void wb_traces_deinit(struct wb_traces *t)
{
	if (!t)
		return;
	free(t->boot_id);
	free(t->release);
	free(t->word);
	free(t->handoff_nonce);
	free(t->handoff_from);
	free(t->handoff_to);
	free(t->handoff_method);
	*t = (struct wb_traces){};
}

/* A record whose jump has not been judged, seen from another boot. */
static struct wb_verdict judge_other_boot(const struct wb_record *rec, const struct wb_traces *t)
{
	struct wb_verdict v = {
		WB_OUTCOME_FIRMWARE, rec->from, rec->to, rec->method, rec->time, NULL};

	if (t->boot_time && t->boot_time > rec->time + WB_LONGEST_REBOOT) {
		v.outcome = WB_OUTCOME_UNKNOWN;
		v.why = "the kernel that came up started long after the jump was asked for: there "
			"may "
			"have been other boots between";
	} else if (rec->nonce && t->by_kexec) {
		v.outcome = WB_OUTCOME_UNKNOWN;
		v.why = "the new kernel was entered by kexec, but does not carry the number of the "
			"jump that was asked for";
	} else if (t->by_kexec) {
		v.outcome = WB_OUTCOME_JUMPED;
		v.why = "the kernel that came up was entered by kexec";
	} else {
		v.why = "the machine came up through its firmware although a jump was asked for";
	}
	return v;
}

/*
 * Did the jump of the record lead to an earlier boot? Then its number in this boot is a leftover.
 */
static bool is_spent(const struct wb_record *rec, const struct wb_traces *t)
{
	return rec && rec->judged_boot && !wb_text_same(rec->judged_boot, t->boot_id);
}

const char *wb_jump_number(const struct wb_record *rec, const struct wb_traces *t)
{
	if (t->handoff_nonce)
		return is_spent(rec, t) && wb_text_same(rec->nonce, t->handoff_nonce)
			       ? NULL
			       : t->handoff_nonce;
	if (!rec || !wb_text_same(rec->nonce, t->word) || is_spent(rec, t) ||
		wb_text_same(rec->boot_id, t->boot_id))
		return NULL;
	return t->word;
}

static bool is_marked(const struct wb_record *rec, const struct wb_traces *t)
{
	return rec && wb_text_same(rec->nonce, wb_jump_number(rec, t));
}

struct wb_verdict wb_judge(const struct wb_record *rec, const struct wb_traces *t)
{
	struct wb_verdict v = {};

	if (is_marked(rec, t)) {
		v = (struct wb_verdict){WB_OUTCOME_JUMPED, rec->from, rec->to, rec->method,
			rec->time, "the new kernel carries the number of the jump"};
		/*
		 * kexec -a may have fallen back to another method; the handoff block has the one
		 * that was used.
		 */
		if (wb_text_same(rec->nonce, t->handoff_nonce))
			v.method = t->handoff_method;
	} else if (rec && !rec->judged_boot && wb_text_same(rec->boot_id, t->boot_id)) {
		/*
		 * A jump asked for in this boot is the last one, so it comes before the one that
		 * started this boot.
		 */
		v = (struct wb_verdict){WB_OUTCOME_NOT_HAPPENED, rec->from, rec->to, rec->method,
			rec->time, "the old kernel is still running"};
	} else if (wb_jump_number(rec, t)) {
		v = (struct wb_verdict){WB_OUTCOME_JUMPED, t->handoff_from, t->handoff_to,
			t->handoff_method, t->handoff_time,
			"this kernel carries the number of a jump that has no record"};
	} else if (t->word && t->by_kexec && !(rec && wb_text_same(rec->nonce, t->word))) {
		/*
		 * The word may be copied into a boot loader's configuration, so require that kexec
		 * started this kernel.
		 */
		v = (struct wb_verdict){WB_OUTCOME_JUMPED, NULL, t->release, "file", 0,
			"this kernel's command line has the number of a jump that has no record"};
	} else if (!rec) {
		v.why = "no jump is on record";
	} else if (rec->judged_boot) {
		v = (struct wb_verdict){rec->outcome, rec->from, rec->to, rec->method, rec->time,
			rec->judged_why ? rec->judged_why : "judged in the boot that followed"};
	} else {
		v = judge_other_boot(rec, t);
	}
	if (v.to && !*v.to)
		v.to = t->release;
	return v;
}
