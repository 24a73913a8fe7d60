// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/replay.h"

int wb_results_add(struct wb_results *results, int64_t uid, const char *unit, const char *result,
	const char *why)
{
	struct wb_replay_result item = {uid, strdup(unit), strdup(result), strdup(why)},
				*items = NULL;

	if (item.unit && item.result && item.why && results->n < WB_UNITS_MOST)
		items = reallocarray(results->items, results->n + 1, sizeof(*items));
	if (!items) {
		free(item.unit);
		free(item.result);
		free(item.why);
		return results->n < WB_UNITS_MOST ? -ENOMEM : -E2BIG;
	}
	items[results->n++] = item;
	results->items = items;
	if (results->tell)
		results->tell(results->tell_arg, &items[results->n - 1], NULL);
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
	for (size_t i = 0; i < results->n; i++) {
		free(results->items[i].unit);
		free(results->items[i].result);
		free(results->items[i].why);
	}
	free(results->items);
	free(results->boot_id);
	wb_strv_deinit(&results->warnings);
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
	json_t *json = json_object(), *items = json_array(), *warnings = json_array();
	char *text;

	if (results->boot_id)
		json_object_set_new(json, "boot_id", json_string(results->boot_id));
	if (results->pid)
		json_object_set_new(json, "pid", json_integer(results->pid));
	for (size_t i = 0; i < results->n; i++) {
		const struct wb_replay_result *r = &results->items[i];

		json_array_append_new(
			items, json_pack("{s:I, s:s*, s:s*, s:s*}", "uid", (json_int_t)r->uid,
				       "unit", r->unit, "result", r->result, "why", r->why));
	}
	for (size_t i = 0; i < results->warnings.n; i++)
		json_array_append_new(warnings, json_string(results->warnings.items[i]));
	json_object_set_new(json, "results", items);
	json_object_set_new(json, "warnings", warnings);
	text = json_dumps(json, JSON_INDENT(1));
	json_decref(json);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static int take_results(const json_t *json, struct wb_results *results)
{
	const json_t *items = json_object_get(json, "results");
	const json_t *warnings = json_object_get(json, "warnings");
	const char *boot_id = json_string_value(json_object_get(json, "boot_id"));
	int r = 0;

	results->pid = json_integer_value(json_object_get(json, "pid"));
	if (boot_id) {
		results->boot_id = strdup(boot_id);
		r = results->boot_id ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		const char *unit = json_string_value(json_object_get(item, "unit"));
		const char *result = json_string_value(json_object_get(item, "result"));
		const char *why = json_string_value(json_object_get(item, "why"));

		if (!unit || !result)
			return -EBADMSG;
		r = wb_results_add(results, json_integer_value(json_object_get(item, "uid")), unit,
			result, why ? why : "");
	}
	for (size_t i = 0; r == 0 && i < json_array_size(warnings); i++) {
		const char *text = json_string_value(json_array_get(warnings, i));

		if (text)
			r = wb_strv_add(&results->warnings, text);
	}
	return r;
}

int wb_results_parse(
	struct wb_bytes json, const char *name, struct wb_results *ret, struct wb_error *err)
{
	json_t *top = json_loadb((const char *)json.data, json.size, 0, NULL);
	WB_CLEAN_RESULTS results = {};
	int r = json_is_object(top) ? take_results(top, &results) : -EBADMSG;

	json_decref(top);
	if (r == -ENOMEM)
		return wb_fail(err, r, "out of memory");
	if (r < 0)
		return wb_fail(err, -EBADMSG, "%s is no record of a replay: remove it", name);
	*ret = results;
	results = (struct wb_results){};
	return 0;
}
