// SPDX-License-Identifier: LGPL-2.1-or-later
/* The manifest: reading, writing and checking its JSON. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/valid.h"
#include "manifest/manifest.h"

/* The kernel's PID_MAX_LIMIT on 64-bit machines. */
#define HIGHEST_PID (4 << 20)
/* More than so many can only be a mistake. As a rule WB_MANIFEST_MOST is reached first. */
#define MOST_CONNECTIONS (1 << 20)
#define MOST_PORTS 65536

bool wb_valid_cpus(const char *s)
{
	size_t n = strlen(s);

	return n && n <= WB_MANIFEST_CPUS / 4 && *s != '0' && strspn(s, "0123456789abcdef") == n;
}

static bool valid_nonce(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

/* The name of an object in the store: a prefix and a file's name. It must not look like a path. */
static bool valid_object(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > 255 || *s == '/' || strstr(s, ".."))
		return false;
	for (; *s; s++)
		if (!isgraph((unsigned char)*s))
			return false;
	return true;
}

/* Three numbers and an address in hex. */
static bool valid_key(const char *s)
{
	size_t n = strlen(s);

	return n && n <= WB_MANIFEST_KEY && strspn(s, "0123456789abcdef ") == n;
}

static bool valid_protocol(const char *s)
{
	return !strcmp(s, "tcp") || !strcmp(s, "udp");
}

/* A sentence or word for logs and terminals: without control characters. */
static bool valid_line(const char *s)
{
	for (; *s; s++)
		if (iscntrl((unsigned char)*s))
			return false;
	return true;
}

#define ROW(type, ...) WB_JSON_ROW(struct type, __VA_ARGS__)
#define STRING(type, name, check, ...) \
	ROW(type, name, WB_JSON_STRING, .valid = (check), ##__VA_ARGS__)
#define INT(type, name, low, high, ...) \
	ROW(type, name, WB_JSON_INT, .min = (low), .max = (high), ##__VA_ARGS__)
#define HOW(type, name, first, last, ...)                                                        \
	ROW(type, name, WB_JSON_ENUM, .names = wb_keep_how_names, .min = (first), .max = (last), \
		##__VA_ARGS__)
#define LIST(type, name, rows, most) WB_JSON_ROWS(struct type, name, rows, most)
#define ENDS(name, rows, most) \
	WB_JSON_ROWS_AS(#name, struct wb_manifest_unit, ends.name, rows, most)
#define SILENT(key, name) \
	WB_JSON_ROW_AS(key, struct wb_manifest, silent.name, WB_JSON_INT, .min = 0, .max = 0)

static const struct wb_json_field text_fields[] = {
	STRING(wb_unit_text, path, wb_valid_path, .needed = true),
	STRING(wb_unit_text, text, NULL, .needed = true),
	{},
};

static const struct wb_json_field file_fields[] = {
	STRING(wb_manifest_file, path, wb_valid_path, .needed = true),
	INT(wb_manifest_file, mode, 0, 07777, .needed = true),
	INT(wb_manifest_file, uid, 0, UINT32_MAX - 1, .needed = true),
	INT(wb_manifest_file, gid, 0, UINT32_MAX - 1, .needed = true),
	INT(wb_manifest_file, mtime_ns, 0, 0),
	ROW(wb_manifest_file, directory, WB_JSON_BOOL),
	ROW(wb_manifest_file, parent, WB_JSON_BOOL),
	ROW(wb_manifest_file, fifo, WB_JSON_BOOL),
	STRING(wb_manifest_file, target, NULL),
	STRING(wb_manifest_file, link, wb_valid_path),
	STRING(wb_manifest_file, object, valid_object),
	{},
};

static const struct wb_json_field stream_fields[] = {
	INT(wb_manifest_stream, inode, 1, INT64_MAX, .needed = true),
	INT(wb_manifest_stream, fd, 1, 2, .needed = true),
	{},
};

static const struct wb_json_field open_fields[] = {
	STRING(wb_manifest_open, path, wb_valid_path, .needed = true),
	INT(wb_manifest_open, access, 0, 6),
	ROW(wb_manifest_open, identity, WB_JSON_STRUCT, .fields = wb_identity_fields,
		.needed = true),
	{},
};

static const struct wb_json_field place_fields[] = {
	STRING(wb_manifest_place, path, wb_valid_path, .needed = true),
	STRING(wb_manifest_place, real, wb_valid_path),
	ROW(wb_manifest_place, identity, WB_JSON_STRUCT, .fields = wb_identity_fields,
		.needed = true),
	ROW(wb_manifest_place, binds, WB_JSON_BOOL),
	{},
};

static const struct wb_json_field handed_fields[] = {
	INT(wb_manifest_handed, pid, 2, HIGHEST_PID, .needed = true),
	INT(wb_manifest_handed, fd, 0, INT32_MAX, .needed = true),
	STRING(wb_manifest_handed, key, valid_key, .needed = true),
	{},
};

static const struct wb_json_field stored_fields[] = {
	STRING(wb_stored, name, valid_line, .needed = true),
	STRING(wb_stored, link, NULL, .needed = true),
	INT(wb_stored, pid, 2, HIGHEST_PID, .needed = true),
	INT(wb_stored, fd, 0, INT32_MAX, .needed = true),
	{},
};

static const struct wb_json_field affinity_fields[] = {
	STRING(wb_manifest_affinity, cpus, wb_valid_cpus, .needed = true),
	ROW(wb_manifest_affinity, threads, WB_JSON_INTS, .min = 2, .max = HIGHEST_PID),
	{},
};

static const struct wb_json_field threads_fields[] = {
	INT(wb_manifest_threads, value, 0, INT64_MAX, .needed = true),
	ROW(wb_manifest_threads, threads, WB_JSON_INTS, .min = 2, .max = HIGHEST_PID),
	{},
};

static const struct wb_json_field inward_fields[] = {
	STRING(wb_manifest_inward, what, NULL, .needed = true),
	INT(wb_manifest_inward, value, 0, UINT32_MAX, .needed = true),
	ROW(wb_manifest_inward, threads, WB_JSON_INTS, .min = 2, .max = HIGHEST_PID),
	{},
};

/* Root opens it in a directory, so it must be one component. */
static bool valid_entry(const char *s)
{
	return *s && !strchr(s, '/') && strcmp(s, ".") && strcmp(s, "..");
}

static const struct wb_json_field setting_fields[] = {
	STRING(wb_manifest_setting, name, valid_entry, .needed = true),
	STRING(wb_manifest_setting, value, NULL, .needed = true),
	{},
};

static const struct wb_json_field owned_fields[] = {
	STRING(wb_manifest_owned, name, valid_entry, .needed = true),
	INT(wb_manifest_owned, uid, 0, UINT32_MAX - 1, .needed = true),
	INT(wb_manifest_owned, gid, 0, UINT32_MAX - 1, .needed = true),
	{},
};

static const struct wb_json_field group_fields[] = {
	STRING(wb_manifest_group, path, wb_valid_path, .needed = true),
	INT(wb_manifest_group, uid, 0, UINT32_MAX - 1),
	INT(wb_manifest_group, gid, 0, UINT32_MAX - 1),
	INT(wb_manifest_group, mode, 0, 07777, .needed = true),
	LIST(wb_manifest_group, owned, owned_fields, 1024),
	LIST(wb_manifest_group, settings, setting_fields, 64),
	ROW(wb_manifest_group, pids, WB_JSON_INTS, .min = 2, .max = HIGHEST_PID),
	{},
};

static const struct wb_json_field port_fields[] = {
	STRING(wb_net_port, protocol, valid_protocol, .needed = true),
	STRING(wb_net_port, address, wb_net_valid_address),
	INT(wb_net_port, port, 1, 65535, .needed = true),
	ROW(wb_net_port, forwarded, WB_JSON_BOOL, .sparse = true),
	{},
};

static const struct wb_json_field unit_fields[] = {
	STRING(wb_manifest_unit, unit, wb_valid_service_name, .needed = true),
	STRING(wb_manifest_unit, name, wb_valid_kept_name),
	/* This value is only shown, so a word of another version is allowed. */
	HOW(wb_manifest_unit, asked, WB_KEEP_AUTO, WB_KEEP_RESTART, .other = WB_KEEP_OTHER),
	HOW(wb_manifest_unit, how, WB_KEEP_PROCESS, WB_KEEP_ENDED, .needed = true),
	STRING(wb_manifest_unit, why, valid_line),
	INT(wb_manifest_unit, main_pid, 0, HIGHEST_PID),
	ROW(wb_manifest_unit, pids, WB_JSON_INTS, .min = 2, .max = HIGHEST_PID),
	ROW(wb_manifest_unit, uids, WB_JSON_INTS, .min = 0, .max = UINT32_MAX - 1),
	STRING(wb_manifest_unit, cgroup, wb_valid_path),
	INT(wb_manifest_unit, priority, -1000, 1000),
	STRING(wb_manifest_unit, late, valid_line),
	ROW(wb_manifest_unit, plain, WB_JSON_BOOL),
	STRING(wb_manifest_unit, speaks_to, valid_line),
	STRING(wb_manifest_unit, images, valid_object),
	ROW(wb_manifest_unit, image, WB_JSON_VALUE),
	INT(wb_manifest_unit, share_bytes, 0, INT64_MAX),
	INT(wb_manifest_unit, ahead_pid, 0, HIGHEST_PID),
	INT(wb_manifest_unit, ahead_bytes, 0, INT64_MAX),
	INT(wb_manifest_unit, ahead_peer, 0, INT64_MAX),
	STRING(wb_manifest_unit, ahead_why, valid_line),
	INT(wb_manifest_unit, dump_bytes, 0, INT64_MAX),
	INT(wb_manifest_unit, dump_us, 0, INT64_MAX),
	LIST(wb_manifest_unit, streams, stream_fields, 64),
	ROW(wb_manifest_unit, sockets, WB_JSON_STRINGS, .max = 64, .valid = wb_valid_socket_name),
	LIST(wb_manifest_unit, handed, handed_fields, 1 << 20),
	LIST(wb_manifest_unit, stored, stored_fields, 4096),
	LIST(wb_manifest_unit, definition, text_fields, 256),
	LIST(wb_manifest_unit, files, file_fields, WB_MANIFEST_FILES),
	LIST(wb_manifest_unit, opened, open_fields, 1 << 20),
	LIST(wb_manifest_unit, places, place_fields, 1 << 20),
	LIST(wb_manifest_unit, affinity, affinity_fields, WB_MANIFEST_MASKS),
	LIST(wb_manifest_unit, io_priorities, threads_fields, WB_MANIFEST_MASKS),
	LIST(wb_manifest_unit, timer_slacks, threads_fields, WB_MANIFEST_MASKS),
	LIST(wb_manifest_unit, inward, inward_fields, WB_MANIFEST_MASKS),
	LIST(wb_manifest_unit, socket_options, wb_net_socket_fields, WB_NET_MOST_SOCKETS),
	LIST(wb_manifest_unit, groups, group_fields, WB_MANIFEST_GROUPS),
	ENDS(ports, port_fields, MOST_PORTS),
	ENDS(connections, wb_net_connection_fields, MOST_CONNECTIONS),
	STRING(wb_manifest_unit, probe, valid_line),
	INT(wb_manifest_unit, frozen_tsc, 0, 0),
	{},
};

/* Only a unit that is checkpointed has these. */
static const struct wb_json_field process_fields[] = {
	ROW(wb_manifest_unit, pids, WB_JSON_INTS),
	ROW(wb_manifest_unit, uids, WB_JSON_INTS),
	ROW(wb_manifest_unit, image, WB_JSON_VALUE),
	LIST(wb_manifest_unit, streams, stream_fields, 0),
	ROW(wb_manifest_unit, sockets, WB_JSON_STRINGS),
	LIST(wb_manifest_unit, handed, handed_fields, 0),
	LIST(wb_manifest_unit, stored, stored_fields, 0),
	LIST(wb_manifest_unit, definition, text_fields, 0),
	LIST(wb_manifest_unit, files, file_fields, 0),
	LIST(wb_manifest_unit, opened, open_fields, 0),
	LIST(wb_manifest_unit, places, place_fields, 0),
	LIST(wb_manifest_unit, affinity, affinity_fields, 0),
	LIST(wb_manifest_unit, io_priorities, threads_fields, 0),
	LIST(wb_manifest_unit, timer_slacks, threads_fields, 0),
	LIST(wb_manifest_unit, inward, inward_fields, 0),
	LIST(wb_manifest_unit, socket_options, wb_net_socket_fields, 0),
	LIST(wb_manifest_unit, groups, group_fields, 0),
	ENDS(connections, wb_net_connection_fields, 0),
	{},
};

static const struct wb_json_field held_fields[] = {
	ENDS(ports, port_fields, 0),
	{},
};

static const struct wb_json_field piece_fields[] = {
	INT(wb_manifest_piece, start, 1, INT64_MAX / 2),
	INT(wb_manifest_piece, size, 1, INT64_MAX / 2),
	{},
};

static const struct wb_json_field manifest_fields[] = {
	INT(wb_manifest, version, 0, 0, .needed = true),
	STRING(wb_manifest, nonce, valid_nonce, .needed = true),
	STRING(wb_manifest, from, valid_line),
	STRING(wb_manifest, criu, valid_line),
	INT(wb_manifest, tsc_hz, 0, 0),
	INT(wb_manifest, highest_pid, 0, HIGHEST_PID),
	INT(wb_manifest, silence_since_ns, 0, 0),
	SILENT("silent_kept_ns", kept_ns),
	SILENT("silent_restart_ns", restart_ns),
	SILENT("silent_tsc", tsc),
	LIST(wb_manifest, guests, piece_fields, WB_MANIFEST_PIECES),
	LIST(wb_manifest, units, unit_fields, 1024),
	ROW(wb_manifest, net, WB_JSON_STRUCT, .fields = wb_net_fields),
	{},
};

static const char what[] = "the manifest of kept services";

bool wb_unit_is_checkpointed(const struct wb_manifest_unit *u)
{
	return wb_keep_way(u->how)->checkpointed;
}

/* Rules that the rows cannot express, because they concern several fields. */
static int check_unit(const struct wb_manifest *m, size_t i, struct wb_error *err)
{
	const struct wb_manifest_unit *u = &m->units.items[i];

	for (size_t k = 0; k < i; k++)
		if (!strcmp(m->units.items[k].unit, u->unit))
			return wb_fail(err, -EBADMSG, "%s: %s is in it twice", what, u->unit);
	if (!wb_unit_is_checkpointed(u))
		return 0;
	if ((u->main_pid < 2 && !wb_keep_way(u->how)->managed) || !u->images || !u->definition.n)
		return wb_fail(err, -EBADMSG, "%s: %s lacks main_pid, images or definition", what,
			u->unit);
	for (size_t k = 0; k < u->files.n; k++) {
		const struct wb_manifest_file *f = &u->files.items[k];

		if (f->directory + f->fifo + !!f->target + !!f->link + !!f->object > 1 ||
			(f->parent && !f->directory))
			return wb_fail(err, -EBADMSG, "%s: %s of %s is of two kinds", what, f->path,
				u->unit);
	}
	return 0;
}

int wb_manifest_parse(
	struct wb_bytes text, const char *nonce, struct wb_manifest *ret, struct wb_error *err)
{
	WB_CLEAN_MANIFEST m = {};
	int r = wb_json_parse(text, manifest_fields, what, &m, err);

	if (r < 0)
		return r;
	if (m.version != WB_MANIFEST_VERSION)
		return wb_fail(err, -EBADMSG, "%s has version %lld, and this warmboot knows %d",
			what, (long long)m.version, WB_MANIFEST_VERSION);
	if (nonce && strcmp(nonce, m.nonce))
		return wb_fail(
			err, -EPERM, "%s belongs to another jump than the one just made", what);
	for (size_t i = 0; r == 0 && i < m.units.n; i++)
		r = check_unit(&m, i, err);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct wb_manifest){};
	return 0;
}

static int check_size(const char *text, struct wb_error *err)
{
	if (strlen(text) > WB_MANIFEST_MOST)
		return wb_fail(err, -EINVAL, "%s would be larger than %u MiB", what,
			WB_MANIFEST_MOST >> 20);
	return 0;
}

int wb_manifest_write(const struct wb_manifest *m, char **ret, struct wb_error *err)
{
	WB_CLEAN_STR text = wb_json_text(manifest_fields, m, JSON_INDENT(1));
	WB_CLEAN_MANIFEST again = {};
	int r;

	if (!text)
		return wb_oom(err);
	r = check_size(text, err);
	if (r < 0)
		return r;
	/* The next boot must not refuse this text: find that out now, while the services still run. */
	r = wb_manifest_parse(
		(struct wb_bytes){(const uint8_t *)text, strlen(text)}, NULL, &again, err);
	if (r < 0)
		return r == -EBADMSG ? -EINVAL : r;
	*ret = text;
	text = NULL;
	return 0;
}

/* Name the file that cannot be written and read back, instead of the rule that it breaks. */
static int check_files(const struct wb_manifest_unit *u, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->files.n; i++) {
		json_t *json = wb_json_write(file_fields, &u->files.items[i]);
		struct wb_manifest_file again = {};
		WB_CLEAN_STR name = NULL;

		if (asprintf(&name, "its file %s", u->files.items[i].path) < 0)
			name = NULL;
		if (json && name)
			r = wb_json_read(json, file_fields, name, &again, err);
		else
			r = wb_oom(err);
		json_decref(json);
		wb_json_free(file_fields, &again);
	}
	return r == -EBADMSG ? -EINVAL : r;
}

/* The text of a manifest that holds this unit alone, in the same lines. */
static char *unit_text(const struct wb_manifest_unit *u)
{
	json_t *unit = wb_json_write(unit_fields, u);
	json_t *json = unit ? json_pack("{s:[o]}", "units", unit) : NULL;
	char *text = json ? wb_json_dump(json, JSON_INDENT(1)) : NULL;

	json_decref(json);
	return text;
}

static int write_and_read(const struct wb_manifest_unit *u, size_t *ret_bytes, struct wb_error *err)
{
	static const struct wb_json_field fields[] = {
		LIST(wb_manifest, units, unit_fields, 1),
		{},
	};
	WB_CLEAN_STR text = unit_text(u);
	WB_CLEAN_MANIFEST again = {};
	int r;

	if (!text)
		return wb_oom(err);
	r = check_size(text, err);
	if (r == 0)
		r = wb_json_parse(wb_text(text), fields, what, &again, err);
	if (r == 0)
		r = check_unit(&again, 0, err);
	if (r == 0)
		*ret_bytes = strlen(text);
	return r == -EBADMSG ? -EINVAL : r;
}

int wb_manifest_check_unit(
	const struct wb_manifest_unit *u, size_t *ret_bytes, struct wb_error *err)
{
	struct wb_error local = {};
	int r;

	if (u->files.n > WB_MANIFEST_FILES)
		return wb_fail(err, -EINVAL,
			"it has %zu files that would have to travel, and %d can", u->files.n,
			WB_MANIFEST_FILES);
	if (u->ends.connections.n > MOST_CONNECTIONS || u->ends.ports.n > MOST_PORTS)
		return wb_fail(err, -EINVAL,
			"it has %zu connections and %zu ports, and %d and %d can be held",
			u->ends.connections.n, u->ends.ports.n, MOST_CONNECTIONS, MOST_PORTS);
	r = write_and_read(u, ret_bytes, &local);
	if (r == 0)
		return 0;
	if (r == -EINVAL) {
		r = check_files(u, err);
		if (r < 0)
			return r;
		r = -EINVAL;
	}
	if (err)
		*err = local;
	return r;
}

int wb_manifest_set_image(struct wb_manifest_unit *u, json_t *image)
{
	if (!image)
		return -ENOMEM;
	json_decref(u->image);
	u->image = image;
	return 0;
}

void wb_manifest_lower(struct wb_manifest_unit *u, const char *why)
{
	free(u->why);
	u->how = wb_keep_way(u->how)->fallback;
	u->why = wb_plain_copy(why);
	wb_json_free(process_fields, u);
	if (u->ends.ports.n > MOST_PORTS)
		wb_json_free(held_fields, u);
}

void wb_manifest_end(struct wb_manifest_unit *u)
{
	wb_manifest_lower(u, "it ended by itself before the freeze");
	u->how = WB_KEEP_ENDED;
	/* The unit will not listen on its ports again. */
	wb_json_free(held_fields, u);
}

void wb_manifest_deinit(struct wb_manifest *m)
{
	if (!m)
		return;
	wb_json_free(manifest_fields, m);
	m->version = m->tsc_hz = m->highest_pid = 0;
	m->silence_since_ns = 0;
	m->silent = (struct wb_silence){};
}

const struct wb_manifest_unit *wb_manifest_find(const struct wb_manifest *m, const char *unit)
{
	for (size_t i = 0; i < m->units.n; i++)
		if (!strcmp(m->units.items[i].unit, unit))
			return &m->units.items[i];
	return NULL;
}
