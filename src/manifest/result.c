// SPDX-License-Identifier: LGPL-2.1-or-later
/* The result of a jump for each kept unit: its files. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/valid.h"
#include "manifest/result.h"

/* A day. A longer time can only be a wrong measurement. */
#define LONGEST_S 86400.0
#define LARGEST (1 << 20)

#define ROW(type, ...) WB_JSON_ROW(struct type, __VA_ARGS__)
#define STRING(type, name, ...) ROW(type, name, WB_JSON_STRING, ##__VA_ARGS__)

/* An unknown word, of another version, must not prevent status from showing the rest. */
#define HOW(name, first, last, ...)                                                         \
	ROW(wb_unit_result, name, WB_JSON_ENUM, .names = wb_keep_how_names, .min = (first), \
		.max = (last), .other = WB_KEEP_OTHER, ##__VA_ARGS__)

const struct wb_json_field wb_unit_result_fields[] = {
	STRING(wb_unit_result, unit, .needed = true, .valid = wb_valid_service_name),
	STRING(wb_unit_result, name, .valid = wb_valid_kept_name),
	HOW(asked, WB_KEEP_AUTO, WB_KEEP_RESTART),
	HOW(how, WB_KEEP_PROCESS, WB_KEEP_ENDED, .needed = true),
	STRING(wb_unit_result, why),
	ROW(wb_unit_result, ahead_bytes, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	STRING(wb_unit_result, ahead_why),
	ROW(wb_unit_result, dump_bytes, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(wb_unit_result, dump_s, WB_JSON_REAL),
	ROW(wb_unit_result, frozen_s, WB_JSON_REAL),
	ROW(wb_unit_result, thawed_ns, WB_JSON_INT),
	ROW(wb_unit_result, restore_s, WB_JSON_REAL),
	{},
};

static const struct wb_json_field result_fields[] = {
	ROW(wb_result, version, WB_JSON_INT, .needed = true, .min = 1, .max = 1),
	STRING(wb_result, nonce),
	STRING(wb_result, from),
	STRING(wb_result, to),
	WB_JSON_ROWS(struct wb_result, units, wb_unit_result_fields, 1024),
	{},
};

static int write_file(const struct wb_sys *sys, const char *path,
	const struct wb_json_field *fields, const void *from, struct wb_error *err)
{
	WB_CLEAN_STR text = wb_json_text(fields, from, JSON_INDENT(1));
	int r;

	if (!text)
		return wb_oom(err);
	r = sys->write_file(
		sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0600);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

int wb_result_read(
	const struct wb_files *files, const char *path, struct wb_result *ret, struct wb_error *err)
{
	struct wb_result result = {};
	int r = wb_json_read_file(files, path, LARGEST, result_fields, &result, err);

	if (r == 0)
		*ret = result;
	return r;
}

int wb_result_find(const struct wb_files *files, const char *nonce, struct wb_result *ret,
	struct wb_error *err)
{
	WB_CLEAN_RESULT last = {};
	int r = wb_result_read(files, WB_RESULT, ret, err);

	if (r != -ENOENT || !nonce || files->exists(files->ctx, WB_MANIFEST_COPY))
		return r;
	r = wb_result_read(files, WB_RESULT_LAST, &last, err);
	if (r < 0)
		return r;
	if (!last.nonce || strcmp(last.nonce, nonce))
		return wb_fail(err, -ENOENT, WB_RESULT_LAST " is of another jump");
	*ret = last;
	last = (struct wb_result){};
	return 0;
}

int wb_result_ended(const struct wb_files *files, struct wb_strv *ret)
{
	WB_CLEAN_RESULT result = {};
	int r = 0;

	if (wb_result_read(files, WB_RESULT, &result, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < result.units.n; i++)
		if (!wb_keep_way(result.units.items[i].how)->started)
			r = wb_strv_add(ret, result.units.items[i].unit);
	return r;
}

int wb_result_write(const struct wb_sys *sys, const char *path, const struct wb_result *result,
	struct wb_error *err)
{
	return write_file(sys, path, result_fields, result, err);
}

void wb_result_deinit(struct wb_result *result)
{
	if (result)
		wb_json_free(result_fields, result);
}

const struct wb_unit_result *wb_result_unit(const struct wb_result *result, const char *unit)
{
	for (size_t i = 0; i < result->units.n; i++)
		if (!strcmp(result->units.items[i].unit, unit))
			return &result->units.items[i];
	return NULL;
}

bool wb_has_come_back(const struct wb_unit_result *part)
{
	return part && wb_keep_way(part->how)->checkpointed;
}

void wb_unit_result_deinit(struct wb_unit_result *part)
{
	if (part)
		wb_json_free(wb_unit_result_fields, part);
}

static int part_path(const char *unit, char **ret, struct wb_error *err)
{
	if (asprintf(ret, WB_RESULT_PARTS "/%s.json", unit) >= 0)
		return 0;
	*ret = NULL;
	return wb_oom(err);
}

int wb_result_part_write(
	const struct wb_sys *sys, const struct wb_unit_result *part, struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;
	int r = part_path(part->unit, &path, err);

	return r < 0 ? r : write_file(sys, path, wb_unit_result_fields, part, err);
}

int wb_result_part_read(const struct wb_files *files, const char *unit, struct wb_unit_result *ret,
	struct wb_error *err)
{
	struct wb_unit_result part = {};
	WB_CLEAN_STR path = NULL;
	int r = part_path(unit, &path, err);

	if (r == 0)
		r = wb_json_read_file(files, path, LARGEST, wb_unit_result_fields, &part, err);
	if (r == 0)
		*ret = part;
	return r;
}

double wb_result_frozen_s(
	const struct wb_manifest *m, const struct wb_manifest_unit *u, uint64_t tsc_now)
{
	double s = 0;

	if (m->tsc_hz > 0 && u->frozen_tsc > 0 && tsc_now > (uint64_t)u->frozen_tsc)
		s = (double)(tsc_now - (uint64_t)u->frozen_tsc) / (double)m->tsc_hz;
	return s < LONGEST_S ? s : 0;
}
