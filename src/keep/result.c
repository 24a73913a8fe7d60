// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/result.h"

/* A day: nothing that was frozen longer was measured rightly. */
#define LONGEST_S 86400.0

#define STRING(type, name, ...)                                                              \
	{                                                                                    \
		.key = #name, .kind = WB_JSON_STRING, .offset = offsetof(struct type, name), \
		##__VA_ARGS__                                                                \
	}

const struct wb_json_field wb_unit_result_fields[] = {
	STRING(wb_unit_result, unit, .needed = true, .valid = wb_valid_service_name),
	STRING(wb_unit_result, asked),
	STRING(wb_unit_result, how, .needed = true),
	STRING(wb_unit_result, why),
	{"ahead_bytes", WB_JSON_INT, offsetof(struct wb_unit_result, ahead_bytes), .min = 0,
		.max = INT64_MAX},
	STRING(wb_unit_result, ahead_why),
	{"dump_bytes", WB_JSON_INT, offsetof(struct wb_unit_result, dump_bytes), .min = 0,
		.max = INT64_MAX},
	{"dump_s", WB_JSON_REAL, offsetof(struct wb_unit_result, dump_s)},
	{"frozen_s", WB_JSON_REAL, offsetof(struct wb_unit_result, frozen_s)},
	{"thawed_ns", WB_JSON_INT, offsetof(struct wb_unit_result, thawed_ns)},
	{"restore_s", WB_JSON_REAL, offsetof(struct wb_unit_result, restore_s)},
	{},
};

static const struct wb_json_field result_fields[] = {
	{"version", WB_JSON_INT, offsetof(struct wb_result, version), .needed = true, .min = 1,
		.max = 1},
	STRING(wb_result, nonce),
	STRING(wb_result, from),
	STRING(wb_result, to),
	{"units", WB_JSON_LIST, offsetof(struct wb_result, units), .fields = wb_unit_result_fields,
		.item = sizeof(struct wb_unit_result), .max = 1024},
	{},
};

static int read_file(const struct wb_files *files, const char *path,
	const struct wb_json_field *fields, void *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB blob = {};
	int r = files->read(files->ctx, path, 1 << 20, &blob, err);

	return r < 0 ? r : wb_json_parse(wb_blob_view(&blob), fields, path, ret, err);
}

static int write_file(const struct wb_sys *sys, const char *path,
	const struct wb_json_field *fields, const void *from, struct wb_error *err)
{
	WB_CLEAN_STR text = wb_json_text(fields, from);
	int r;

	if (!text)
		return wb_fail(err, -EINVAL, "%s: a text in it is no UTF-8", path);
	r = sys->write_file(
		sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0600);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

int wb_result_read(
	const struct wb_files *files, const char *path, struct wb_result *ret, struct wb_error *err)
{
	return read_file(files, path, result_fields, ret, err);
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
	return part && !strcmp(part->how, "process");
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
	WB_CLEAN_STR path = NULL;
	int r = part_path(unit, &path, err);

	return r < 0 ? r : read_file(files, path, wb_unit_result_fields, ret, err);
}

double wb_result_frozen_s(const struct wb_manifest *m, const struct wb_manifest_unit *u,
	uint64_t tsc_now, uint64_t wall_now_ns)
{
	double s = 0;

	if (m->tsc_hz > 0 && u->frozen_tsc > 0 && tsc_now > (uint64_t)u->frozen_tsc)
		s = (double)(tsc_now - (uint64_t)u->frozen_tsc) / (double)m->tsc_hz;
	else if (u->frozen_wall_ns > 0 && wall_now_ns > (uint64_t)u->frozen_wall_ns)
		s = (double)(wall_now_ns - (uint64_t)u->frozen_wall_ns) / 1e9;
	return s < LONGEST_S ? s : 0;
}
