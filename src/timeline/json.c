// SPDX-License-Identifier: LGPL-2.1-or-later
/* A timeline as JSON and back; docs/timeline.schema.json describes it. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "timeline/timeline.h"

/* Microseconds are as fine as any source is. */
static json_t *seconds(double s)
{
	return json_real(round(s * 1e6) / 1e6);
}

static json_t *seconds_or_null(double s)
{
	return s < 0 ? json_null() : seconds(s);
}

static json_t *string_or_null(const char *s)
{
	json_t *j = *s ? json_string(s) : NULL;

	return j ? j : json_null();
}

static json_t *phases_json(const struct wb_timeline *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n_phases; i++) {
		const struct wb_tl_phase *p = &t->phases[i];

		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:s, s:o}", "name", p->name, "start_s",
				      seconds(p->start_s), "duration_s", seconds(p->duration_s),
				      "source", p->source, "error_s", seconds(p->error_s)));
	}
	return list;
}

static json_t *units_json(const struct wb_timeline *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n_units; i++) {
		const struct wb_tl_unit *u = &t->units[i];

		json_array_append_new(list,
			json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "unit", string_or_null(u->unit),
				"how", u->how, "frozen_s", seconds_or_null(u->frozen_s), "dump_s",
				seconds_or_null(u->dump_s), "restore_s",
				seconds_or_null(u->restore_s), "silent_s",
				seconds_or_null(u->silent_s)));
	}
	return list;
}

static json_t *stops_json(const struct wb_timeline *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n_stops; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:o}", "unit", string_or_null(t->stops[i].unit),
				      "start_s", seconds(t->stops[i].start_s), "duration_s",
				      seconds(t->stops[i].duration_s)));
	return list;
}

static json_t *kernel_json(const struct wb_timeline *t)
{
	json_t *parts = json_array(), *calls = json_array();

	for (size_t i = 0; i < t->n_parts; i++)
		json_array_append_new(parts,
			json_pack("{s:s, s:o, s:o, s:s}", "name", t->parts[i].name, "start_s",
				seconds(t->parts[i].start_s), "duration_s",
				seconds(t->parts[i].duration_s), "source", t->parts[i].source));
	for (size_t i = 0; i < t->n_initcalls; i++)
		json_array_append_new(
			calls, json_pack("{s:o, s:o}", "name", string_or_null(t->initcalls[i].name),
				       "duration_s", seconds(t->initcalls[i].duration_s)));
	return json_pack("{s:o, s:o, s:i, s:I, s:I, s:I, s:I, s:b}", "parts", parts, "initcalls",
		calls, "cpus", t->cpus, "initrd_kib", (json_int_t)t->initrd_kib, "console_bytes",
		(json_int_t)t->console_bytes, "quiet_bytes", (json_int_t)t->quiet_bytes,
		"console_byte_ns", (json_int_t)llround(t->console_byte_s * 1e9), "pages_deferred",
		t->pages_deferred);
}

/* RFC 3339, UTC. */
static void time_text(int64_t when, char ret[32])
{
	time_t at = when;
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		ret[0] = '\0';
}

int wb_timeline_json(const struct wb_timeline *t, int indent, char **ret)
{
	json_t *notes = json_array(), *json;
	char when[32], *text;

	time_text(t->when, when);
	for (size_t i = 0; i < t->n_notes; i++)
		json_array_append_new(notes, string_or_null(t->notes[i]));
	json = json_pack("{s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o}",
		"boot", t->boot, "previous", string_or_null(t->previous), "kind",
		t->warm ? "warm" : "cold", "from", string_or_null(t->from), "to",
		string_or_null(t->to), "method", t->method, "initramfs",
		string_or_null(t->initramfs), "outcome", t->outcome, "when", when, "total_s",
		seconds(t->total_s), "gap_s", seconds(t->gap_s), "staged_s",
		seconds_or_null(t->staged_s), "phases", phases_json(t), "units", units_json(t),
		"stops", stops_json(t), "kernel", kernel_json(t), "notes", notes);
	text = json ? json_dumps(json,
			      (indent ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(12))
		    : NULL;
	json_decref(json);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static void take_string(const json_t *json, const char *key, char *ret, size_t size)
{
	const char *s = json_string_value(json_object_get(json, key));

	snprintf(ret, size, "%s", s ? s : "");
	/* Titles and files are made of it: no line may begin in the middle. */
	for (; *ret; ret++)
		if ((unsigned char)*ret < ' ')
			*ret = '?';
}

#define TAKE_STRING(json, key, to) take_string(json, key, to, sizeof(to))

static double take_number(const json_t *json, const char *key, double absent)
{
	const json_t *v = json_object_get(json, key);
	double number = json_is_number(v) ? json_number_value(v) : absent;

	return isfinite(number) && fabs(number) < 1e9 ? number : absent;
}

static int64_t take_integer(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

static size_t list_size(const json_t *list, size_t most)
{
	size_t n = json_array_size(list);

	return n < most ? n : most;
}

static void parse_lists(const json_t *json, struct wb_timeline *t)
{
	const json_t *list = json_object_get(json, "phases");

	t->n_phases = list_size(list, WB_TL_PHASES);
	for (size_t i = 0; i < t->n_phases; i++) {
		const json_t *o = json_array_get(list, i);
		struct wb_tl_phase *p = &t->phases[i];

		TAKE_STRING(o, "name", p->name);
		TAKE_STRING(o, "source", p->source);
		p->start_s = take_number(o, "start_s", 0);
		p->duration_s = take_number(o, "duration_s", 0);
		p->error_s = take_number(o, "error_s", 0);
	}
	list = json_object_get(json, "units");
	t->n_units = list_size(list, WB_TL_UNITS);
	for (size_t i = 0; i < t->n_units; i++) {
		const json_t *o = json_array_get(list, i);

		TAKE_STRING(o, "unit", t->units[i].unit);
		TAKE_STRING(o, "how", t->units[i].how);
		t->units[i].frozen_s = take_number(o, "frozen_s", -1);
		t->units[i].dump_s = take_number(o, "dump_s", -1);
		t->units[i].restore_s = take_number(o, "restore_s", -1);
		t->units[i].silent_s = take_number(o, "silent_s", -1);
	}
	list = json_object_get(json, "stops");
	t->n_stops = list_size(list, WB_TL_STOPS);
	for (size_t i = 0; i < t->n_stops; i++) {
		const json_t *o = json_array_get(list, i);

		TAKE_STRING(o, "unit", t->stops[i].unit);
		t->stops[i].start_s = take_number(o, "start_s", 0);
		t->stops[i].duration_s = take_number(o, "duration_s", 0);
	}
	list = json_object_get(json, "notes");
	t->n_notes = list_size(list, WB_TL_NOTES);
	for (size_t i = 0; i < t->n_notes; i++)
		snprintf(t->notes[i], sizeof(t->notes[i]), "%s",
			json_string_value(json_array_get(list, i))
				? json_string_value(json_array_get(list, i))
				: "");
}

static void parse_kernel(const json_t *kernel, struct wb_timeline *t)
{
	const json_t *list = json_object_get(kernel, "parts");

	t->n_parts = list_size(list, WB_KLOG_PARTS);
	for (size_t i = 0; i < t->n_parts; i++) {
		const json_t *o = json_array_get(list, i);

		TAKE_STRING(o, "name", t->parts[i].name);
		TAKE_STRING(o, "source", t->parts[i].source);
		t->parts[i].start_s = take_number(o, "start_s", 0);
		t->parts[i].duration_s = take_number(o, "duration_s", 0);
	}
	list = json_object_get(kernel, "initcalls");
	t->n_initcalls = list_size(list, WB_KLOG_TOP);
	for (size_t i = 0; i < t->n_initcalls; i++) {
		const json_t *o = json_array_get(list, i);

		TAKE_STRING(o, "name", t->initcalls[i].name);
		t->initcalls[i].duration_s = take_number(o, "duration_s", 0);
	}
	t->cpus = (int)(take_integer(kernel, "cpus") & 0xffff);
	t->initrd_kib = take_integer(kernel, "initrd_kib");
	t->console_bytes = take_integer(kernel, "console_bytes");
	t->quiet_bytes = take_integer(kernel, "quiet_bytes");
	t->console_byte_s = (double)take_integer(kernel, "console_byte_ns") / 1e9;
	t->pages_deferred = json_is_true(json_object_get(kernel, "pages_deferred"));
}

int wb_timeline_parse(const char *text, struct wb_timeline *ret, struct wb_error *err)
{
	json_t *json = json_loads(text, 0, NULL);
	struct wb_timeline *t;
	struct tm tm = {};
	char kind[8], when[32];

	if (!json_is_object(json) || !json_is_array(json_object_get(json, "phases")) ||
		!json_is_string(json_object_get(json, "boot"))) {
		json_decref(json);
		return wb_fail(err, -EBADMSG, "the record is no timeline of a boot");
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		json_decref(json);
		return wb_oom(err);
	}
	TAKE_STRING(json, "boot", t->boot);
	TAKE_STRING(json, "previous", t->previous);
	TAKE_STRING(json, "from", t->from);
	TAKE_STRING(json, "to", t->to);
	TAKE_STRING(json, "method", t->method);
	TAKE_STRING(json, "initramfs", t->initramfs);
	TAKE_STRING(json, "outcome", t->outcome);
	TAKE_STRING(json, "kind", kind);
	TAKE_STRING(json, "when", when);
	t->warm = !strcmp(kind, "warm");
	if (strptime(when, "%Y-%m-%dT%H:%M:%SZ", &tm))
		t->when = timegm(&tm);
	t->total_s = take_number(json, "total_s", 0);
	t->gap_s = take_number(json, "gap_s", 0);
	t->staged_s = take_number(json, "staged_s", -1);
	parse_lists(json, t);
	parse_kernel(json_object_get(json, "kernel"), t);
	json_decref(json);
	*ret = *t;
	free(t);
	return 0;
}
