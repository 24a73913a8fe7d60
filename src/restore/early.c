// SPDX-License-Identifier: LGPL-2.1-or-later
/* The early restore: its state file, and which units may come back so early. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/valid.h"
#include "restore/early.h"
#include "restore/needs.h"
#include "restore/replacement.h"
#include "systemd/definition.h"

#define INT(type, key, member, low, high)                                                   \
	WB_JSON_ROW_AS(key, struct type, member, WB_JSON_INT, .needed = true, .min = (low), \
		.max = (high))

static const struct wb_json_field unit_fields[] = {
	WB_JSON_ROW(struct wb_early_unit, unit, WB_JSON_STRING, .needed = true,
		.valid = wb_valid_service_name),
	INT(wb_early_unit, "output_fd", fds[0], 3, 1 << 20),
	INT(wb_early_unit, "error_fd", fds[1], 3, 1 << 20),
	INT(wb_early_unit, "output_inode", inodes[0], 1, INT64_MAX),
	INT(wb_early_unit, "error_inode", inodes[1], 1, INT64_MAX),
	{},
};

static const struct wb_json_field fields[] = {
	INT(wb_early, "pid", pid, 2, 4 << 20),
	WB_JSON_ROW(struct wb_early, held, WB_JSON_BOOL),
	WB_JSON_ROWS(struct wb_early, units, unit_fields, 1024),
	{},
};

int wb_early_parse(struct wb_bytes text, struct wb_early *ret, struct wb_error *err)
{
	struct wb_early early = {};
	int r = wb_json_parse(text, fields, WB_EARLY, &early, err);

	if (r == 0)
		*ret = early;
	return r;
}

char *wb_early_text(const struct wb_early *early)
{
	return wb_json_text(fields, early, JSON_INDENT(1));
}

void wb_early_deinit(struct wb_early *early)
{
	wb_json_free(fields, early);
}

const struct wb_early_unit *wb_early_find(const struct wb_early *early, const char *unit)
{
	for (size_t i = 0; i < early->units.n; i++)
		if (!strcmp(early->units.items[i].unit, unit))
			return &early->units.items[i];
	return NULL;
}

int wb_early_rest(
	const struct wb_early *early, const struct wb_manifest *m, struct wb_unit_list *ret)
{
	WB_CLEAN_UNIT_LIST rest = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->units.n; i++)
		if (!wb_early_find(early, m->units.items[i].unit))
			r = wb_unit_list_add(&rest, &m->units.items[i]);
	if (r < 0)
		return r;
	*ret = rest;
	rest = (struct wb_unit_list){};
	return 0;
}

/* Was a frozen later than b? Among those that were frozen at a time, the priority still counts. */
static bool later(const struct wb_manifest_unit *a, const struct wb_manifest_unit *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->frozen_tsc > b->frozen_tsc;
}

int wb_early_turns(const struct wb_manifest *m, struct wb_unit_list *ret)
{
	WB_CLEAN_UNIT_LIST turns = {};
	int r = wb_unit_list_select(m, wb_unit_is_checkpointed, &turns);

	if (r < 0)
		return r;
	/* An insertion sort keeps units that are alike in the manifest's order. */
	for (size_t i = 1; i < turns.n; i++) {
		const struct wb_manifest_unit *u = turns.items[i];
		size_t at = i;

		for (; at && later(u, turns.items[at - 1]); at--)
			turns.items[at] = turns.items[at - 1];
		turns.items[at] = u;
	}
	*ret = turns;
	turns = (struct wb_unit_list){};
	return 0;
}

/* The first file that does not lie in /run, the only tmpfs that exists before systemd; NULL: none. */
static const struct wb_manifest_file *file_elsewhere(
	const struct wb_manifest_unit *u, const char *fstab)
{
	for (size_t i = 0; i < u->files.n; i++)
		if (!wb_lies_on_run(u->files.items[i].path, fstab))
			return &u->files.items[i];
	return NULL;
}

int wb_early_allows(const struct wb_manifest *m, const struct wb_manifest_unit *u,
	const char *fstab, struct wb_error *err)
{
	const struct wb_manifest_file *file = file_elsewhere(u, fstab);
	const struct wb_replacement_wishes wishes = {.program = "warmboot"};
	const char *setting;
	char *text;
	int r;

	if (!wb_unit_is_checkpointed(u) || !u->cgroup)
		return wb_fail(err, -EOPNOTSUPP, "its processes were not kept");
	if (wb_keep_way(u->how)->guest)
		return wb_fail(
			err, -EOPNOTSUPP, "another program restores it, when services start");
	if (!u->plain)
		return wb_fail(err, -EOPNOTSUPP, "systemd makes its sandbox");
	if (wb_fstab_needs_udev(fstab))
		return wb_fail(
			err, -EOPNOTSUPP, "a file system besides the root has to be mounted first");
	if (u->stored.n)
		return wb_fail(err, -EOPNOTSUPP, "systemd has to store its file descriptors");
	if (u->sockets.n)
		return wb_fail(err, -EOPNOTSUPP, "systemd has to bind the sockets of %s first",
			u->sockets.items[0]);
	if (u->speaks_to)
		return wb_fail(err, -EOPNOTSUPP,
			"%.100s, to which it is connected, has to be there first", u->speaks_to);
	if (u->late)
		return wb_fail(err, -EOPNOTSUPP, "%s is ordered before it", u->late);
	if (wb_needs_network(m, u))
		return wb_fail(
			err, -EOPNOTSUPP, "its address comes with the machine's own network setup");
	if (file)
		return wb_fail(err, -EOPNOTSUPP, "its file %s lies where nothing is mounted yet",
			file->path);
	setting = wb_definition_asks(&u->definition);
	if (setting)
		return wb_fail(err, -EOPNOTSUPP, "systemd has to act on its %s= first", setting);
	/* Settings under which no process can be put back. */
	r = wb_replacement_text(u, &wishes, &text, err);
	if (r == 0)
		free(text);
	return r;
}
