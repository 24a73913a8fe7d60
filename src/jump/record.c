// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "jump/record.h"
#include "sys/handoff.h"

static const char *const outcome_names[] = {
	[WB_OUTCOME_NONE] = "none",
	[WB_OUTCOME_JUMPED] = "jumped",
	[WB_OUTCOME_FIRMWARE] = "firmware-reboot",
	[WB_OUTCOME_NOT_HAPPENED] = "not-happened",
	[WB_OUTCOME_UNKNOWN] = "unknown",
};
#define N_OUTCOMES (sizeof(outcome_names) / sizeof(*outcome_names))

const char *wb_outcome_name(enum wb_outcome outcome)
{
	return outcome_names[outcome];
}

void wb_nonce_hex(const uint8_t nonce[16], char ret[33])
{
	for (int i = 0; i < 16; i++)
		sprintf(ret + 2 * i, "%02x", nonce[i]);
}

/* The strings of a record, by name. */
static const struct {
	const char *key;
	size_t offset;
} fields[] = {
	{"entry", offsetof(struct wb_record, entry)},
	{"kernel", offsetof(struct wb_record, kernel)},
	{"from", offsetof(struct wb_record, from)},
	{"to", offsetof(struct wb_record, to)},
	{"method", offsetof(struct wb_record, method)},
	{"initramfs", offsetof(struct wb_record, initramfs)},
	{"why", offsetof(struct wb_record, why)},
	{"words", offsetof(struct wb_record, words)},
	{"nonce", offsetof(struct wb_record, nonce)},
	{"boot_id", offsetof(struct wb_record, boot_id)},
	{"judged_boot", offsetof(struct wb_record, judged_boot)},
	{"judged_why", offsetof(struct wb_record, judged_why)},
};
#define N_FIELDS (sizeof(fields) / sizeof(*fields))

static char **field(const struct wb_record *rec, size_t i)
{
	return (char **)((char *)rec + fields[i].offset);
}

void wb_record_deinit(struct wb_record *rec)
{
	if (!rec)
		return;
	for (size_t i = 0; i < N_FIELDS; i++)
		free(*field(rec, i));
	*rec = (struct wb_record){};
}

static int from_json(const json_t *json, struct wb_record *ret)
{
	const char *outcome = json_string_value(json_object_get(json, "outcome"));

	for (size_t i = 0; i < N_FIELDS; i++) {
		const char *value = json_string_value(json_object_get(json, fields[i].key));

		if (!value)
			continue;
		*field(ret, i) = strdup(value);
		if (!*field(ret, i))
			return -ENOMEM;
	}
	ret->time = json_integer_value(json_object_get(json, "time"));
	for (size_t i = 0; outcome && i < N_OUTCOMES; i++)
		if (!strcmp(outcome, outcome_names[i]))
			ret->outcome = i;
	return 0;
}

bool wb_has_jump_mark(const char *text)
{
	return !strncmp(text, WB_JUMP_MARK, strlen(WB_JUMP_MARK));
}

int wb_record_read(
	const struct wb_files *files, const char *path, struct wb_record *ret, struct wb_error *err)
{
	WB_CLEAN_RECORD rec = {};
	WB_CLEAN_BLOB blob = {};
	json_error_t where;
	json_t *json;
	int r;

	r = files->read(files->ctx, path, 1 << 16, &blob, err);
	if (r < 0)
		return r;
	json = json_loadb((const char *)blob.data, blob.size, 0, &where);
	if (!json_is_object(json)) {
		json_decref(json);
		return wb_fail(err, -EBADMSG, "%s, line %d, is no JSON object: remove the file",
			path, json ? 1 : where.line);
	}
	r = from_json(json, &rec);
	json_decref(json);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	*ret = rec;
	rec = (struct wb_record){};
	return 0;
}

int wb_record_write(const struct wb_sys *sys, const char *path, const struct wb_record *rec,
	struct wb_error *err)
{
	json_t *json = json_object();
	WB_CLEAN_STR text = NULL;
	struct wb_bytes bytes;
	int r;

	for (size_t i = 0; i < N_FIELDS; i++)
		if (*field(rec, i))
			/* A path may hold bytes that are no UTF-8; jansson leaves it out then. */
			json_object_set_new(json, fields[i].key, json_string(*field(rec, i)));
	json_object_set_new(json, "time", json_integer(rec->time));
	if (rec->judged_boot)
		json_object_set_new(json, "outcome", json_string(wb_outcome_name(rec->outcome)));
	text = json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	if (!text)
		return wb_oom(err);
	bytes = (struct wb_bytes){(const uint8_t *)text, strlen(text)};
	/* Command lines may hold secrets. */
	r = sys->write_file(sys->ctx, path, bytes, 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", path, strerror(-r));
	return 0;
}

/* A file's text without the newline at its end; NULL when it cannot be read. */
static char *read_line(const struct wb_files *files, const char *path)
{
	WB_CLEAN_BLOB blob = {};

	if (files->read(files->ctx, path, 1 << 16, &blob, NULL) < 0)
		return NULL;
	return strndup((const char *)blob.data, strcspn((const char *)blob.data, "\n"));
}

static int take_handoff(const struct wb_handoff *h, struct wb_traces *t)
{
	t->handoff_nonce = malloc(33);
	if (!t->handoff_nonce)
		return -ENOMEM;
	wb_nonce_hex(h->nonce, t->handoff_nonce);
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
	WB_CLEAN_STR cmdline = read_line(files, "/proc/cmdline");
	WB_CLEAN_STR loader = read_line(files, "/proc/sys/kernel/bootloader_type");
	WB_CLEAN_BLOB stat = {};
	WB_CLEAN_TRACES t = {};
	struct wb_handoff h;
	int r = 0;

	t.boot_id = read_line(files, "/proc/sys/kernel/random/boot_id");
	t.release = read_line(files, "/proc/sys/kernel/osrelease");
	if (cmdline)
		r = wb_cmdline_get(cmdline, WB_JUMP_WORD, &t.word);
	if (r == 0 || r == -ENOENT)
		r = wb_handoff_read(files, &h) ? take_handoff(&h, &t) : 0;
	if (r < 0)
		return r;
	/* Documentation/arch/x86/boot.rst, type_of_loader: 0xD is kexec, the low digit a version. */
	t.by_kexec = loader && strtol(loader, NULL, 10) >> 4 == 0xd;
	if (files->read(files->ctx, "/proc/stat", 1 << 20, &stat, NULL) == 0) {
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

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
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
		v.why = "the kernel that came up was entered by kexec, but bears no mark of "
			"the jump that was asked for";
	} else if (t->by_kexec) {
		v.outcome = WB_OUTCOME_JUMPED;
		v.why = "the kernel that came up was entered by kexec";
	} else {
		v.why = "the machine came up through its firmware although a jump was asked for";
	}
	return v;
}

/* The mark of this record, and not one that somebody copied into a later command line? */
static bool is_marked(const struct wb_record *rec, const struct wb_traces *t)
{
	if (!rec || !rec->nonce)
		return false;
	if (same(rec->nonce, t->handoff_nonce))
		return true;
	return same(rec->nonce, t->word) &&
	       (!rec->judged_boot || same(rec->judged_boot, t->boot_id));
}

struct wb_verdict wb_judge(const struct wb_record *rec, const struct wb_traces *t)
{
	struct wb_verdict v = {};

	if (is_marked(rec, t)) {
		v = (struct wb_verdict){WB_OUTCOME_JUMPED, rec->from, rec->to, rec->method,
			rec->time, "the kernel that came up bears its mark"};
		/* kexec -a may have changed its method; the handoff block saw what came of it. */
		if (same(rec->nonce, t->handoff_nonce))
			v.method = t->handoff_method;
	} else if (rec && !rec->judged_boot && same(rec->boot_id, t->boot_id)) {
		/* What this boot asked for comes before how it began itself. */
		v = (struct wb_verdict){WB_OUTCOME_NOT_HAPPENED, rec->from, rec->to, rec->method,
			rec->time, "the kernel that was to be left is still running"};
	} else if (t->handoff_nonce) {
		v = (struct wb_verdict){WB_OUTCOME_JUMPED, t->handoff_from, t->handoff_to,
			t->handoff_method, t->handoff_time,
			"this kernel bears the mark of a jump that left no record"};
	} else if (t->word && !(rec && same(rec->nonce, t->word))) {
		v = (struct wb_verdict){WB_OUTCOME_JUMPED, NULL, t->release, "file", 0,
			"this kernel's command line bears the mark of a jump that left no record"};
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
