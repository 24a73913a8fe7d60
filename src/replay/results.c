// SPDX-License-Identifier: LGPL-2.1-or-later
/* The results of a replay, and their JSON. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/json-table.h"
#include "replay/replay.h"

#define RESULT(member, kind, ...) WB_JSON_ROW(struct wb_replay_result, member, kind, ##__VA_ARGS__)
#define ROW(member, kind, ...) WB_JSON_ROW(struct wb_results, member, kind, ##__VA_ARGS__)

static const struct wb_json_field result_fields[] = {
	RESULT(uid, WB_JSON_INT),
	RESULT(unit, WB_JSON_STRING, .needed = true),
	RESULT(result, WB_JSON_STRING, .needed = true),
	RESULT(why, WB_JSON_STRING, .needed = true),
	{},
};

static const struct wb_json_field fields[] = {
	ROW(boot_id, WB_JSON_STRING),
	ROW(pid, WB_JSON_INT, .sparse = true),
	WB_JSON_PAIR("results", struct wb_results, items, n, result_fields, WB_UNITS_MOST),
	ROW(warnings, WB_JSON_STRINGS),
	{},
};

int wb_results_add(struct wb_results *results, int64_t uid, const char *unit, const char *result,
	const char *why)
{
	struct wb_replay_result item = {uid, strdup(unit), strdup(result), strdup(why)},
				*added = NULL;

	if (item.unit && item.result && item.why && results->n < WB_UNITS_MOST)
		added = wb_list_add(&results->items, sizeof(*added));
	if (!added) {
		wb_json_free(result_fields, &item);
		return results->n < WB_UNITS_MOST ? -ENOMEM : -E2BIG;
	}
	*added = item;
	if (results->tell)
		results->tell(results->tell_arg, added, NULL);
	return 0;
}

int wb_results_warn(struct wb_results *results, const char *fmt, ...)
{
	struct wb_strv *all = &results->warnings;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = wb_strv_vaddf(all, fmt, ap);
	va_end(ap);
	if (r == 0 && results->tell)
		results->tell(results->tell_arg, NULL, all->items[all->n - 1]);
	return r;
}

void wb_results_deinit(struct wb_results *results)
{
	if (!results)
		return;
	wb_json_free(fields, results);
	*results = (struct wb_results){};
}

const struct wb_replay_result *wb_results_find(
	const struct wb_results *results, int64_t uid, const char *unit)
{
	for (size_t i = 0; i < results->n; i++)
		if (results->items[i].uid == uid && !strcmp(results->items[i].unit, unit))
			return &results->items[i];
	return NULL;
}

int wb_results_print(const struct wb_results *results, char **ret)
{
	char *text = wb_json_text(fields, results, JSON_INDENT(1));

	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

int wb_results_parse(
	struct wb_bytes json, const char *name, struct wb_results *ret, struct wb_error *err)
{
	struct wb_results results = {};
	struct wb_error why = {};
	int r = wb_json_parse(json, fields, name, &results, &why);

	if (r == -EBADMSG)
		return wb_fail(err, r, "%s; it is no record of a replay: remove it", why.text);
	if (r < 0)
		return wb_oom(err);
	*ret = results;
	return 0;
}
