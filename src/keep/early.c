// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keep/definition.h"
#include "keep/early.h"
#include "keep/needs.h"

#define INT(type, key_, member, low, high)                                                   \
	{                                                                                    \
		.key = (key_), .kind = WB_JSON_INT, .offset = offsetof(struct type, member), \
		.needed = true, .min = (low), .max = (high)                                  \
	}

static const struct wb_json_field unit_fields[] = {
	{.key = "unit",
		.kind = WB_JSON_STRING,
		.offset = offsetof(struct wb_early_unit, unit),
		.needed = true,
		.valid = wb_valid_service_name},
	INT(wb_early_unit, "output_fd", fds[0], 3, 1 << 20),
	INT(wb_early_unit, "error_fd", fds[1], 3, 1 << 20),
	INT(wb_early_unit, "output_inode", inodes[0], 1, INT64_MAX),
	INT(wb_early_unit, "error_inode", inodes[1], 1, INT64_MAX),
	{},
};

static const struct wb_json_field fields[] = {
	INT(wb_early, "pid", pid, 2, 4 << 20),
	{.key = "held", .kind = WB_JSON_BOOL, .offset = offsetof(struct wb_early, held)},
	{.key = "units",
		.kind = WB_JSON_LIST,
		.offset = offsetof(struct wb_early, units),
		.fields = unit_fields,
		.item = sizeof(struct wb_early_unit),
		.max = 1024},
	{},
};

int wb_early_parse(struct wb_bytes text, struct wb_early *ret, struct wb_error *err)
{
	return wb_json_parse(text, fields, WB_EARLY, ret, err);
}

char *wb_early_text(const struct wb_early *early)
{
	return wb_json_text(fields, early);
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
	const struct wb_early *early, const struct wb_manifest *m, struct wb_manifest *ret)
{
	struct wb_manifest_unit *units = calloc(m->units.n + 1, sizeof(*units));
	size_t n = 0;

	if (!units)
		return -ENOMEM;
	for (size_t i = 0; i < m->units.n; i++)
		if (!wb_early_find(early, m->units.items[i].unit))
			units[n++] = m->units.items[i];
	*ret = *m;
	ret->units.items = units;
	ret->units.n = n;
	return 0;
}

/* Before systemd there is one tmpfs, /run. */
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
	const struct wb_definition_wishes wishes = {.program = "warmboot"};
	const char *setting;
	char *text;
	int r;

	if (!wb_manifest_is_process(u) || !u->cgroup)
		return wb_fail(err, -EOPNOTSUPP, "its processes were not kept");
	if (!u->plain)
		return wb_fail(err, -EOPNOTSUPP, "systemd makes its sandbox");
	if (wb_fstab_needs_udev(fstab))
		return wb_fail(
			err, -EOPNOTSUPP, "a file system besides the root has to be mounted first");
	if (u->late)
		return wb_fail(err, -EOPNOTSUPP, "%s is ordered before it", u->late);
	if (wb_needs_network(m, u))
		return wb_fail(
			err, -EOPNOTSUPP, "its address comes with the machine's own network setup");
	if (file)
		return wb_fail(err, -EOPNOTSUPP, "its file %s lies where nothing is mounted yet",
			file->path);
	setting = wb_definition_asks(u);
	if (setting)
		return wb_fail(err, -EOPNOTSUPP, "systemd has to act on its %s= first", setting);
	/* What cannot be put back at all. */
	r = wb_definition_replace(u, &wishes, &text, err);
	if (r == 0)
		free(text);
	return r;
}
