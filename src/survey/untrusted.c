// SPDX-License-Identifier: LGPL-2.1-or-later
/* May root enter the namespaces of a unit's processes, and run CRIU in them? */
#include <errno.h>
#include <stdio.h>

#include "criu/covers.h"
#include "survey/looking.h"

#define LARGEST (16u << 20)

static int read_mounts(const struct wb_files *files, int64_t pid, struct wb_mounts *ret)
{
	WB_CLEAN_BLOB b = {};
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%lld/mountinfo", (long long)pid);
	r = files->read(files->ctx, path, LARGEST, &b, NULL);
	return r < 0 ? r : wb_mounts_parse((const char *)b.data, ret);
}

static int find_covers(const struct wb_files *files, int64_t main_pid, struct wb_strv *ret)
{
	WB_CLEAN_MOUNTS unit = {}, machine = {};
	const char *point = NULL;
	int r = read_mounts(files, 1, &machine);

	if (r == 0)
		r = read_mounts(files, main_pid, &unit);
	if (r == 0)
		r = wb_covers_find(&unit, &machine, &point);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return wb_strv_add(
			ret, "it is not known which files it has in place of the machine's");
	if (!point)
		return 0;
	return wb_strv_addf(ret, "it finds other files at %s than the machine has there", point);
}

/*
 * Every process's namespaces are checked, since each may have its own; one that has ended since it was listed has none.
 * Only the main process's mounts are compared with the machine's: CRIU runs there.
 */
int wb_looking_untrusted(const struct wb_files *files, const struct wb_ns_ops *ops,
	const struct wb_ns_whose *whose, const struct wb_procs *procs, int64_t main_pid,
	struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < procs->n; i++) {
		struct wb_ns_whose one = *whose;
		WB_CLEAN_NS_SET set = {};
		struct wb_error why = {};

		if (procs->items[i].zombie)
			continue;
		one.pid = procs->items[i].pid;
		r = wb_ns_open(ops, &one, &set, &why);
		if (r == -ESRCH)
			r = 0;
		else if (r < 0 && r != -ENOMEM)
			r = wb_strv_add_once(ret, why.text);
	}
	if (r == 0 && wb_procs_find(procs, main_pid))
		r = find_covers(files, main_pid, ret);
	return r;
}
