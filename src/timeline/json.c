// SPDX-License-Identifier: LGPL-2.1-or-later
/* A timeline as JSON and back; docs/timeline.schema.json describes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json-table.h"
#include "timeline/timeline.h"

#define CHARS(type, member, ...) WB_JSON_ROW(struct type, member, WB_JSON_CHARS, ##__VA_ARGS__)
#define SECONDS(type, member, ...) WB_JSON_ROW(struct type, member, WB_JSON_SECONDS, ##__VA_ARGS__)
#define INT(member, ...) WB_JSON_ROW(struct wb_timeline, member, WB_JSON_INT, ##__VA_ARGS__)
#define ARRAY(member, n, ...) WB_JSON_ARRAY_OF(struct wb_timeline, member, n, __VA_ARGS__)
/* "" and negative numbers stand for unknown values, which are null in JSON. */
#define OR_NULL .or_null = true

static const struct wb_json_field phase_fields[] = {
	CHARS(wb_tl_phase, name),
	SECONDS(wb_tl_phase, start_s),
	SECONDS(wb_tl_phase, duration_s),
	CHARS(wb_tl_phase, source),
	SECONDS(wb_tl_phase, error_s),
	{},
};

static const struct wb_json_field unit_fields[] = {
	CHARS(wb_tl_unit, unit, OR_NULL),
	CHARS(wb_tl_unit, name, OR_NULL),
	CHARS(wb_tl_unit, how),
	SECONDS(wb_tl_unit, frozen_s, OR_NULL),
	SECONDS(wb_tl_unit, dump_s, OR_NULL),
	SECONDS(wb_tl_unit, restore_s, OR_NULL),
	SECONDS(wb_tl_unit, silent_s, OR_NULL),
	SECONDS(wb_tl_unit, silent_from_s, OR_NULL),
	{},
};

static const struct wb_json_field stop_fields[] = {
	CHARS(wb_tl_stop, unit, OR_NULL),
	SECONDS(wb_tl_stop, start_s),
	SECONDS(wb_tl_stop, duration_s),
	{},
};

static const struct wb_json_field part_fields[] = {
	CHARS(wb_tl_part, name),
	SECONDS(wb_tl_part, start_s),
	SECONDS(wb_tl_part, duration_s),
	CHARS(wb_tl_part, source),
	{},
};

static const struct wb_json_field initcall_fields[] = {
	CHARS(wb_tl_initcall, name, OR_NULL),
	SECONDS(wb_tl_initcall, duration_s),
	{},
};

static const struct wb_json_field start_fields[] = {
	CHARS(wb_tl_start, unit, OR_NULL),
	SECONDS(wb_tl_start, start_s),
	SECONDS(wb_tl_start, duration_s),
	WB_JSON_ROW(struct wb_tl_start, ours, WB_JSON_BOOL),
	{},
};

static const struct wb_json_field user_fields[] = {
	ARRAY(chain, n_chain, start_fields),
	ARRAY(starts, n_starts, start_fields),
	SECONDS(wb_timeline, generators_s, OR_NULL),
	SECONDS(wb_timeline, ours_s, OR_NULL),
	{},
};

/* They stand in the timeline itself, and in an object of their own in JSON. */
static const struct wb_json_field kernel_fields[] = {
	ARRAY(parts, n_parts, part_fields),
	ARRAY(initcalls, n_initcalls, initcall_fields),
	INT(cpus, .min = 0, .max = UINT16_MAX),
	INT(initrd_kib),
	INT(console_bytes),
	INT(quiet_bytes),
	INT(console_byte_ns),
	WB_JSON_ROW(struct wb_timeline, pages_deferred, WB_JSON_BOOL),
	{},
};

static const struct wb_name kinds[] = {{"cold", false}, {"warm", true}, {}};

static const struct wb_json_field fields[] = {
	CHARS(wb_timeline, boot, .needed = true),
	CHARS(wb_timeline, previous, OR_NULL),
	WB_JSON_ROW_AS("kind", struct wb_timeline, warm, WB_JSON_ENUM, .names = kinds),
	CHARS(wb_timeline, from, OR_NULL),
	CHARS(wb_timeline, to, OR_NULL),
	CHARS(wb_timeline, method),
	CHARS(wb_timeline, initramfs, OR_NULL),
	CHARS(wb_timeline, outcome),
	WB_JSON_ROW(struct wb_timeline, when, WB_JSON_TIME),
	SECONDS(wb_timeline, total_s),
	SECONDS(wb_timeline, gap_s),
	SECONDS(wb_timeline, staged_s, OR_NULL),
	ARRAY(phases, n_phases, phase_fields, .needed = true),
	ARRAY(units, n_units, unit_fields),
	ARRAY(stops, n_stops, stop_fields),
	{.key = "kernel", .kind = WB_JSON_STRUCT, .fields = kernel_fields},
	{.key = "user_space", .kind = WB_JSON_STRUCT, .fields = user_fields},
	ARRAY(notes, n_notes, NULL),
	{},
};

int wb_timeline_json(const struct wb_timeline *t, int indent, char **ret)
{
	char *text = wb_json_text(
		fields, t, (indent ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(12));

	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

int wb_timeline_parse(const char *text, struct wb_timeline *ret, struct wb_error *err)
{
	struct wb_timeline *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return wb_oom(err);
	/* A record of an earlier version does not have them. */
	t->generators_s = t->ours_s = -1;
	r = wb_json_parse((struct wb_bytes){(const uint8_t *)text, strlen(text)}, fields,
		"the timeline of a boot", t, err);
	if (r == 0)
		*ret = *t;
	free(t);
	return r;
}
