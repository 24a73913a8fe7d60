// SPDX-License-Identifier: LGPL-2.1-or-later
/* The record as JSON. It comes back from a disk or from a user's process: nothing in it is trusted. */
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "replay/replay.h"

static const struct {
	const char *key;
	size_t offset;
} unit_fields[] = {
	{"active", offsetof(struct wb_unit, active)},
	{"sub", offsetof(struct wb_unit, sub)},
	{"state", offsetof(struct wb_unit, state)},
	{"fragment", offsetof(struct wb_unit, fragment)},
	{"cannot", offsetof(struct wb_unit, cannot)},
};
#define N_UNIT_FIELDS (sizeof(unit_fields) / sizeof(*unit_fields))

static char **unit_field(const struct wb_unit *u, size_t i)
{
	return (char **)((char *)u + unit_fields[i].offset);
}

static int take_string(const json_t *json, const char *key, char **ret)
{
	const char *value = json_string_value(json_object_get(json, key));

	if (!value)
		return 0;
	free(*ret);
	*ret = strdup(value);
	return *ret ? 0 : -ENOMEM;
}

static void put_string(json_t *json, const char *key, const char *value)
{
	if (value)
		/* What is no UTF-8 is left out. */
		json_object_set_new(json, key, json_string(value));
}

static void put_list(json_t *json, const char *key, const struct wb_strv *list)
{
	json_t *array = json_array();

	if (!list->n) {
		json_decref(array);
		return;
	}
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(array, json_string(list->items[i]));
	json_object_set_new(json, key, array);
}

static int take_list(const json_t *json, const char *key, struct wb_strv *ret)
{
	const json_t *array = json_object_get(json, key);
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_array_size(array); i++) {
		const char *value = json_string_value(json_array_get(array, i));

		if (value)
			r = wb_strv_add(ret, value);
	}
	return r;
}

static json_t *unit_json(const struct wb_unit *u)
{
	json_t *json = json_object();

	put_string(json, "name", u->name);
	for (size_t i = 0; i < N_UNIT_FIELDS; i++)
		put_string(json, unit_fields[i].key, *unit_field(u, i));
	put_list(json, "after", &u->after);
	put_list(json, "triggered_by", &u->triggered_by);
	if (u->no_start)
		json_object_set_new(json, "no_start", json_true());
	if (u->by_bus)
		json_object_set_new(json, "by_bus", json_true());
	if (u->unasked)
		json_object_set_new(json, "unasked", json_true());
	return json;
}

static int take_unit(const json_t *json, struct wb_world *world)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	struct wb_unit *u;
	int r;

	if (!name || !*name)
		return -EBADMSG;
	r = wb_world_add_unit(world, name, &u);
	for (size_t i = 0; r == 0 && i < N_UNIT_FIELDS; i++)
		r = take_string(json, unit_fields[i].key, unit_field(u, i));
	if (r == 0)
		r = take_list(json, "after", &u->after);
	if (r == 0)
		r = take_list(json, "triggered_by", &u->triggered_by);
	if (r == 0) {
		u->no_start = json_is_true(json_object_get(json, "no_start"));
		u->by_bus = json_is_true(json_object_get(json, "by_bus"));
		u->unasked = json_is_true(json_object_get(json, "unasked"));
	}
	return r;
}

static json_t *hex_json(struct wb_bytes text)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = malloc(2 * text.size + 1);
	json_t *json;

	if (!hex)
		return NULL;
	for (size_t i = 0; i < text.size; i++) {
		hex[2 * i] = digits[text.data[i] >> 4];
		hex[2 * i + 1] = digits[text.data[i] & 15];
	}
	json = json_stringn(hex, 2 * text.size);
	free(hex);
	return json;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place, into the first half. */
static int unhex(char *hex, size_t n)
{
	if (n % 2)
		return -EBADMSG;
	for (size_t i = 0; i < n / 2; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EBADMSG;
		hex[i] = (char)(high << 4 | low);
	}
	return 0;
}

static json_t *file_json(const struct wb_unit_file *f)
{
	json_t *json = json_object(), *text;

	put_string(json, "path", f->path);
	if (f->link) {
		put_string(json, "link", f->link);
		return json;
	}
	/* A NUL or what is no UTF-8 in a unit file is somebody's mistake, but it is theirs. */
	text = memchr(f->text, 0, f->size) ? NULL : json_stringn((const char *)f->text, f->size);
	if (text)
		json_object_set_new(json, "text", text);
	else
		json_object_set_new(json, "hex", hex_json((struct wb_bytes){f->text, f->size}));
	return json;
}

static int take_file(const json_t *json, struct wb_world *world)
{
	const char *path = json_string_value(json_object_get(json, "path"));
	const char *link = json_string_value(json_object_get(json, "link"));
	const json_t *text = json_object_get(json, "text"), *hex = json_object_get(json, "hex");
	WB_CLEAN_STR bytes = NULL;
	size_t n = json_string_length(hex);
	int r;

	if (!path || (!link && !json_is_string(text) && !json_is_string(hex)))
		return -EBADMSG;
	if (link || json_is_string(text))
		return wb_world_add_file(world, path, link,
			(struct wb_bytes){(const uint8_t *)json_string_value(text),
				json_string_length(text)});
	bytes = strdup(json_string_value(hex));
	if (!bytes)
		return -ENOMEM;
	r = unhex(bytes, n);
	if (r < 0)
		return r;
	return wb_world_add_file(
		world, path, NULL, (struct wb_bytes){(const uint8_t *)bytes, n / 2});
}

static json_t *world_json(const struct wb_world *world)
{
	json_t *json = json_object(), *units = json_array(), *files = json_array();

	json_object_set_new(json, "uid", json_integer(world->uid));
	for (size_t i = 0; i < world->n_units; i++)
		json_array_append_new(units, unit_json(&world->units[i]));
	for (size_t i = 0; i < world->n_files; i++)
		json_array_append_new(files, file_json(&world->files[i]));
	json_object_set_new(json, "units", units);
	json_object_set_new(json, "files", files);
	return json;
}

static int take_world(const json_t *json, struct wb_world *ret)
{
	const json_t *uid = json_object_get(json, "uid");
	const json_t *units = json_object_get(json, "units");
	const json_t *files = json_object_get(json, "files");
	WB_CLEAN_WORLD world = {};
	int r = 0;

	if (!json_is_integer(uid) || json_integer_value(uid) < -1 ||
		json_integer_value(uid) > UINT32_MAX)
		return -EBADMSG;
	world.uid = json_integer_value(uid);
	for (size_t i = 0; r == 0 && i < json_array_size(units); i++)
		r = take_unit(json_array_get(units, i), &world);
	for (size_t i = 0; r == 0 && i < json_array_size(files); i++)
		r = take_file(json_array_get(files, i), &world);
	if (r < 0)
		return r;
	*ret = world;
	world = (struct wb_world){};
	return 0;
}

static int take_units(const json_t *json, struct wb_units *units)
{
	const json_t *worlds = json_object_get(json, "worlds");
	int r = take_string(json, "boot_id", &units->boot_id);

	if (r == 0)
		r = take_string(json, "nonce", &units->nonce);
	if (r == 0)
		r = take_string(json, "replayed_boot", &units->replayed_boot);
	units->time = json_integer_value(json_object_get(json, "time"));
	for (size_t i = 0; r == 0 && i < json_array_size(worlds); i++) {
		WB_CLEAN_WORLD world = {};

		r = take_world(json_array_get(worlds, i), &world);
		if (r == 0)
			r = wb_units_add_world(units, &world);
	}
	return r;
}

static int fail_parse(int r, const char *name, struct wb_error *err)
{
	if (r == -ENOMEM)
		return wb_fail(err, r, "out of memory");
	return wb_fail(err, -EBADMSG, "%s is no record of units: remove it", name);
}

int wb_world_parse(
	struct wb_bytes json, const char *name, struct wb_world *ret, struct wb_error *err)
{
	json_t *top = json_loadb((const char *)json.data, json.size, 0, NULL);
	int r = json_is_object(top) ? take_world(top, ret) : -EBADMSG;

	json_decref(top);
	return r < 0 ? fail_parse(r, name, err) : 0;
}

int wb_units_parse(
	struct wb_bytes json, const char *name, struct wb_units *ret, struct wb_error *err)
{
	json_t *top = json_loadb((const char *)json.data, json.size, 0, NULL);
	WB_CLEAN_UNITS units = {};
	int r = json_is_object(top) ? take_units(top, &units) : -EBADMSG;

	json_decref(top);
	if (r < 0)
		return fail_parse(r, name, err);
	*ret = units;
	units = (struct wb_units){};
	return 0;
}

static int print(json_t *json, char **ret)
{
	char *text = json_dumps(json, JSON_INDENT(1));

	json_decref(json);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

int wb_world_print(const struct wb_world *world, char **ret)
{
	return print(world_json(world), ret);
}

int wb_units_print(const struct wb_units *units, char **ret)
{
	json_t *json = json_object(), *worlds = json_array();

	put_string(json, "boot_id", units->boot_id);
	put_string(json, "nonce", units->nonce);
	put_string(json, "replayed_boot", units->replayed_boot);
	json_object_set_new(json, "time", json_integer(units->time));
	for (size_t i = 0; i < units->n_worlds; i++)
		json_array_append_new(worlds, world_json(&units->worlds[i]));
	json_object_set_new(json, "worlds", worlds);
	return print(json, ret);
}

int wb_units_read(const struct wb_files *files, struct wb_units *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB blob = {};
	int r = files->read(files->ctx, WB_UNITS_PATH, WB_UNITS_LARGEST, &blob, err);

	if (r < 0)
		return r;
	return wb_units_parse(wb_blob_view(&blob), WB_UNITS_PATH, ret, err);
}

int wb_units_write(const struct wb_sys *sys, const struct wb_units *units, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	struct wb_bytes bytes;
	int r = wb_units_print(units, &text);

	if (r < 0)
		return wb_fail(err, r, "out of memory");
	bytes = (struct wb_bytes){(const uint8_t *)text, strlen(text)};
	r = sys->write_file(sys->ctx, WB_UNITS_PATH, bytes, 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", WB_UNITS_PATH, strerror(-r));
	return 0;
}
