// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files in /dev/shm that a unit shares with processes outside of it: each side would get a copy of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "survey/looking.h"

#define MOST_SHARED 1024

/* Add pairs: device and inode as a line of /proc/PID/maps shows them, since names may differ; and the name. */
static int add_shm_maps(const struct wb_proc *p, struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->maps.n; i++) {
		const struct wb_proc_map *m = &p->maps.items[i];
		char file[64];

		if (strncmp(m->name, "/dev/shm/", 9) != 0)
			continue;
		snprintf(file, sizeof(file), " %02x:%02x %lld ", major((dev_t)m->device),
			minor((dev_t)m->device), (long long)m->inode);
		r = wb_strv_add(ret, file);
		if (r == 0)
			r = wb_strv_add(ret, m->name);
	}
	return r;
}

static int read_group(const struct wb_files *files, long long pid, struct wb_blob *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%lld/cgroup", pid);
	return files->read(files->ctx, path, 1 << 16, ret, NULL);
}

/* Has the unit made this process since it was looked at? PostgreSQL, for one, begins and ends some all the time. */
static bool is_new(const struct wb_files *files, const struct wb_procs *procs, long long pid)
{
	WB_CLEAN_BLOB group = {};

	if (read_group(files, pid, &group) < 0)
		return false;
	for (size_t i = 0; i < procs->n; i++) {
		WB_CLEAN_BLOB known = {};

		if (read_group(files, procs->items[i].pid, &known) == 0 &&
			known.size == group.size && !memcmp(known.data, group.data, group.size))
			return true;
	}
	return false;
}

int wb_looking_shared(
	const struct wb_files *files, const struct wb_procs *procs, struct wb_strv *ret)
{
	WB_CLEAN_STRV ours = {}, pids = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < procs->n; i++)
		r = add_shm_maps(&procs->items[i], &ours);
	/* Each file is searched for in the maps of every process, so their number has a limit. */
	if (r == 0 && ours.n > 2 * MOST_SHARED)
		return wb_strv_addf(ret, "of more than %d files in /dev/shm, perhaps", MOST_SHARED);
	if (r == 0 && ours.n)
		files->list(files->ctx, "/proc", &pids, NULL);
	for (size_t i = 0; r == 0 && i < pids.n; i++) {
		long long pid = atoll(pids.items[i]);
		WB_CLEAN_BLOB maps = {};
		char path[64];

		snprintf(path, sizeof(path), "/proc/%lld/maps", pid);
		if (pid < 2 || wb_procs_find(procs, pid) ||
			files->read(files->ctx, path, 64u << 20, &maps, NULL) < 0)
			continue;
		for (size_t k = 0; r == 0 && k + 1 < ours.n; k += 2) {
			WB_CLEAN_STR text = NULL;

			if (!strstr((const char *)maps.data, ours.items[k]) ||
				is_new(files, procs, pid))
				continue;
			if (asprintf(&text, "%s with process %lld", ours.items[k + 1], pid) < 0) {
				text = NULL;
				return -ENOMEM;
			}
			r = wb_strv_add(ret, text);
		}
	}
	return r;
}
