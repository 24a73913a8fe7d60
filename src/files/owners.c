// SPDX-License-Identifier: LGPL-2.1-or-later
/* Noting the users of a unit's processes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/owners.h"

static int add_uid(struct wb_manifest_unit *u, int64_t uid)
{
	int64_t *new;

	for (size_t i = 0; i < u->uids.n; i++)
		if (u->uids.items[i] == uid)
			return 0;
	new = wb_list_add(&u->uids, sizeof(*new));
	if (!new)
		return -ENOMEM;
	*new = uid;
	return 0;
}

/*
 * "Uid:" has the real, effective, saved and file system user. The only text before it that a
 * process can choose is its name, and the kernel prints no line break in that (proc_task_name() in
 * fs/proc/array.c).
 */
static int add_uids(struct wb_manifest_unit *u, const char *status)
{
	const char *line = strstr(status, "\nUid:");
	unsigned uids[4];

	if (!line || sscanf(line + strlen("\nUid:"), "%u %u %u %u", &uids[0], &uids[1], &uids[2],
			     &uids[3]) != 4)
		return -EBADMSG;
	for (size_t i = 0; i < 4; i++)
		if (add_uid(u, uids[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* A process that has ended is not restored. */
static int add_process(
	const struct wb_files *files, int64_t pid, struct wb_manifest_unit *u, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%lld/status", (long long)pid);
	if (files->read(files->ctx, path, 1 << 16, &text, NULL) < 0)
		return 0;
	r = add_uids(u, (const char *)text.data);
	if (r == -ENOMEM)
		return wb_oom(err);
	return r < 0 ? wb_fail(err, r, "%s does not tell its user", path) : 0;
}

static bool has_root(const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->uids.n; i++)
		if (u->uids.items[i] == 0)
			return true;
	return false;
}

int wb_owners_note(const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err)
{
	int r;

	free(u->uids.items);
	u->uids.items = NULL;
	u->uids.n = 0;
	r = add_process(files, u->main_pid, u, err);
	/*
	 * A program that runs with its owner's rights (set-user-id) does not make the service run
	 * as that user, or as root.
	 */
	if (r < 0 || !has_root(u))
		return r;
	for (size_t i = 0; r == 0 && i < u->pids.n; i++)
		r = add_process(files, u->pids.items[i], u, err);
	return r;
}
