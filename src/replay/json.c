// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The record as JSON. It is read from a disk or from a user's process, so nothing in it is trusted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json-table.h"
#include "core/text.h"
#include "replay/replay.h"

#define UNIT(member, kind, ...) WB_JSON_ROW(struct wb_unit, member, kind, ##__VA_ARGS__)
#define WORLD(member, ...) WB_JSON_ROW(struct wb_world, member, WB_JSON_INT, ##__VA_ARGS__)
#define USER(member, kind, ...) \
	WB_JSON_ROW(struct wb_user_file, member, kind, .needed = true, ##__VA_ARGS__)
#define ROW(member, kind) WB_JSON_ROW(struct wb_units, member, kind)

static bool is_there(const char *s)
{
	return *s;
}

static const struct wb_json_field unit_fields[] = {
	UNIT(name, WB_JSON_STRING, .needed = true, .valid = is_there),
	UNIT(active, WB_JSON_STRING),
	UNIT(sub, WB_JSON_STRING),
	UNIT(state, WB_JSON_STRING),
	UNIT(fragment, WB_JSON_STRING),
	UNIT(cannot, WB_JSON_STRING),
	UNIT(after, WB_JSON_STRINGS, .sparse = true),
	UNIT(triggered_by, WB_JSON_STRINGS, .sparse = true),
	UNIT(no_start, WB_JSON_BOOL, .sparse = true),
	UNIT(by_bus, WB_JSON_BOOL, .sparse = true),
	UNIT(unasked, WB_JSON_BOOL, .sparse = true),
	{},
};

/* A unit file can have NULs and invalid UTF-8, so its text may be in hex. */
static const struct wb_json_field file_fields[] = {
	WB_JSON_ROW(struct wb_unit_file, path, WB_JSON_STRING, .needed = true),
	WB_JSON_ROW(struct wb_unit_file, link, WB_JSON_STRING),
	WB_JSON_BYTES("text", "hex", struct wb_unit_file, text, size),
	{},
};

static const struct wb_json_field world_fields[] = {
	WORLD(uid, .needed = true, .min = -1, .max = UINT32_MAX),
	WB_JSON_PAIR("units", struct wb_world, units, n_units, unit_fields, WB_UNITS_MOST),
	WB_JSON_PAIR("files", struct wb_world, files, n_files, file_fields, WB_UNITS_MOST),
	WORLD(cut, .sparse = true, .min = 0, .max = INT64_MAX),
	{},
};

static const struct wb_json_field user_fields[] = {
	USER(uid, WB_JSON_INT, .min = 0, .max = UINT32_MAX),
	USER(size, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	USER(sha256, WB_JSON_HEX),
	{},
};

static const struct wb_json_field units_fields[] = {
	ROW(boot_id, WB_JSON_STRING),
	ROW(nonce, WB_JSON_STRING),
	ROW(replayed_boot, WB_JSON_STRING),
	ROW(time, WB_JSON_INT),
	WB_JSON_PAIR("worlds", struct wb_units, worlds, n_worlds, world_fields, WB_UNITS_MOST),
	ROW(files_id, WB_JSON_STRING),
	WB_JSON_PAIR("users", struct wb_units, users, n_users, user_fields, WB_USERS_MOST,
		.sparse = true),
	{},
};

/* Bytes of a part of a world's JSON, and of the comma after it. */
static int take_size(const struct wb_json_field *fields, const void *part, size_t *left)
{
	json_t *json = wb_json_write(fields, part);
	size_t n = json ? json_dumpb(json, NULL, 0, JSON_COMPACT) : 0;

	json_decref(json);
	if (!n)
		return -ENOMEM;
	if (*left < n + 1)
		return 0;
	*left -= n + 1;
	return 1;
}

int wb_world_fit(struct wb_world *world, size_t bytes)
{
	/* Room for the JSON around them. */
	size_t left = bytes > 128 ? bytes - 128 : 0, units = 0, files = 0;
	int r = 1;

	while (r > 0 && units < world->n_units && units < WB_USER_UNITS_MOST) {
		r = take_size(unit_fields, &world->units[units], &left);
		units += r > 0;
	}
	while (r > 0 && files < world->n_files && files < WB_USER_UNITS_MOST) {
		r = take_size(file_fields, &world->files[files], &left);
		files += r > 0;
	}
	if (r < 0)
		return r;
	world->cut += (int64_t)(world->n_units - units + world->n_files - files);
	wb_world_shorten(world, units, files);
	return 0;
}

/* Check what the rows cannot: a file is a link or has contents. */
static int check_world(const struct wb_world *world, const char *name, struct wb_error *err)
{
	for (size_t i = 0; i < world->n_files; i++) {
		const struct wb_unit_file *f = &world->files[i];

		if (!f->link == !f->text)
			return wb_fail(err, -EBADMSG,
				f->link ? "%s: %s is both a link and a text"
					: "%s: %s is neither a link nor a text",
				name, f->path);
	}
	return 0;
}

/* Check that each user occurs once, and that the files of users have a name. */
static int check_units(const struct wb_units *units, const char *name, struct wb_error *err)
{
	uint8_t id[16];
	int r = 0;

	for (size_t i = 0; r == 0 && i < units->n_worlds; i++)
		r = check_world(&units->worlds[i], name, err);
	if (r < 0)
		return r;
	if ((units->files_id || units->n_users) && !wb_hex_read(units->files_id, sizeof(id), id))
		return wb_fail(
			err, -EBADMSG, "%s: \"files_id\" is not 32 hexadecimal digits", name);
	for (size_t i = 0; i < units->n_users; i++) {
		bool twice = wb_units_world(units, units->users[i].uid);

		for (size_t k = 0; k < i; k++)
			twice |= units->users[k].uid == units->users[i].uid;
		if (twice)
			return wb_fail(err, -EBADMSG, "%s: user %lld is in it twice", name,
				(long long)units->users[i].uid);
	}
	return 0;
}

static int fail_parse(int r, const struct wb_error *why, struct wb_error *err)
{
	if (r == -ENOMEM)
		return wb_oom(err);
	return wb_fail(err, r, "%s; it is no record of units: remove it", why->text);
}

int wb_world_parse(
	struct wb_bytes json, const char *name, struct wb_world *ret, struct wb_error *err)
{
	WB_CLEAN_WORLD world = {};
	struct wb_error why = {};
	int r = wb_json_parse(json, world_fields, name, &world, &why);

	if (r == 0)
		r = check_world(&world, name, &why);
	if (r < 0)
		return fail_parse(r, &why, err);
	*ret = world;
	world = (struct wb_world){};
	return 0;
}

int wb_units_parse(
	struct wb_bytes json, const char *name, struct wb_units *ret, struct wb_error *err)
{
	WB_CLEAN_UNITS units = {};
	struct wb_error why = {};
	int r = wb_json_parse(json, units_fields, name, &units, &why);

	if (r == 0)
		r = check_units(&units, name, &why);
	if (r < 0)
		return fail_parse(r, &why, err);
	*ret = units;
	units = (struct wb_units){};
	return 0;
}

int wb_world_print(const struct wb_world *world, char **ret)
{
	char *text = wb_json_text(world_fields, world, JSON_COMPACT);

	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

/* Does the record only name a file for that user? */
static bool has_file(const struct wb_units *units, int64_t uid)
{
	for (size_t i = 0; i < units->n_users; i++)
		if (units->users[i].uid == uid)
			return true;
	return false;
}

int wb_units_print(const struct wb_units *units, char **ret)
{
	struct wb_world *worlds = calloc(units->n_worlds + 1, sizeof(*worlds));
	struct wb_units record = *units;
	char *text;

	if (!worlds)
		return -ENOMEM;
	record.worlds = worlds;
	record.n_worlds = 0;
	for (size_t i = 0; i < units->n_worlds; i++)
		if (!has_file(units, units->worlds[i].uid))
			worlds[record.n_worlds++] = units->worlds[i];
	if (!units->n_users)
		record.files_id = NULL;
	text = wb_json_text(units_fields, &record, JSON_INDENT(1));
	free(worlds);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
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
	/* A larger record could not be read again. */
	if (bytes.size > WB_UNITS_LARGEST)
		return wb_fail(err, -EFBIG, "the record of units has %zu MiB, more than %u",
			bytes.size >> 20, WB_UNITS_LARGEST >> 20);
	r = sys->write_file(sys->ctx, WB_UNITS_PATH, bytes, 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", WB_UNITS_PATH, strerror(-r));
	return 0;
}
