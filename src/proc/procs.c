// SPDX-License-Identifier: LGPL-2.1-or-later
/* All processes of a unit, by its control group. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sort.h"
#include "core/text.h"
#include "proc/proc.h"

/* The largest cgroup.procs that is read. */
#define LARGEST (64u << 20)
/* The most levels of control groups below a unit's that are read. */
#define DEEPEST 16

void wb_procs_deinit(struct wb_procs *p)
{
	for (size_t i = 0; i < p->n; i++)
		wb_proc_deinit(&p->items[i]);
	free(p->items);
	free(p->group);
	*p = (struct wb_procs){};
}

static int by_number(const void *a, const void *b)
{
	const struct wb_proc *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

const struct wb_proc *wb_procs_find(const struct wb_procs *procs, int64_t pid)
{
	const struct wb_proc wanted = {.pid = pid};

	if (procs->sorted)
		return wb_search(&wanted, procs->items, procs->n, sizeof(wanted), by_number);
	for (size_t i = 0; i < procs->n; i++)
		if (procs->items[i].pid == pid)
			return &procs->items[i];
	return NULL;
}

static int add_proc(const struct wb_files *files, int64_t pid, struct wb_procs *all, size_t *load,
	struct wb_error *err)
{
	struct wb_proc p, *items;
	int e;

	if (all->excess)
		return 0;
	e = wb_proc_read(files, pid, &p, err);
	if (e == -ESRCH)
		return 0;
	if (e < 0)
		return e;
	*load += p.fds.n + p.maps.n;
	all->excess = *load > WB_PROC_MOST;
	items = reallocarray(all->items, all->n + 1, sizeof(*items));
	if (!items) {
		wb_proc_deinit(&p);
		return wb_oom(err);
	}
	all->items = items;
	items[all->n++] = p;
	return 0;
}

void wb_pids_deinit(wb_pids *pids)
{
	free(pids->items);
	*pids = (wb_pids){};
}

/* The processes of one cgroup, without those below it. */
static int read_pids(
	const struct wb_files *files, const char *dir, wb_pids *ret, struct wb_error *err)
{
	WB_CLEAN_PIDS pids = {};
	WB_CLEAN_BLOB b = {};
	WB_CLEAN_STR path = NULL;
	char *rest;
	int r;

	if (asprintf(&path, "%s/cgroup.procs", dir) < 0) {
		path = NULL;
		return wb_oom(err);
	}
	r = files->read(files->ctx, path, LARGEST, &b, err);
	if (r < 0)
		return r;
	rest = (char *)b.data;
	while (rest && *rest) {
		int64_t pid = strtoll(strsep(&rest, "\n"), NULL, 10), *item;

		/* 0 stands for a process outside of this pid namespace. */
		if (pid <= 0)
			continue;
		item = wb_list_add(&pids, sizeof(*item));
		if (!item)
			return wb_oom(err);
		*item = pid;
	}
	*ret = pids;
	pids = (wb_pids){};
	return 0;
}

int wb_pids_read(
	const struct wb_files *files, const char *cgroup, wb_pids *ret, struct wb_error *err)
{
	WB_CLEAN_STR dir = NULL;

	if (asprintf(&dir, "/sys/fs/cgroup%s", cgroup) < 0) {
		dir = NULL;
		return wb_oom(err);
	}
	return read_pids(files, dir, ret, err);
}

/* Note a cgroup that the unit created. systemd creates ".control", for the commands of a unit with Delegate=. */
static int note_group(struct wb_procs *all, const char *name)
{
	if (all->group || !strcmp(name, ".control"))
		return 0;
	all->group = strdup(name);
	return all->group ? 0 : -ENOMEM;
}

static int add_cgroup(const struct wb_files *files, const char *dir, unsigned depth,
	struct wb_procs *all, size_t *load, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	WB_CLEAN_PIDS pids = {};
	int e = read_pids(files, dir, &pids, err);

	for (size_t i = 0; e == 0 && i < pids.n; i++)
		e = add_proc(files, pids.items[i], all, load, err);
	if (e < 0 || depth == DEEPEST || files->list(files->ctx, dir, &names, NULL) < 0)
		return e;
	for (size_t i = 0; e == 0 && i < names.n; i++) {
		WB_CLEAN_STR below = NULL;
		WB_CLEAN_STR probe = NULL;

		/* The directory lists files and cgroups; only a cgroup has a cgroup.procs below it. */
		below = wb_strf("%s/%s", dir, names.items[i]);
		if (below)
			probe = wb_strf("%s/cgroup.procs", below);
		if (!probe)
			return wb_oom(err);
		if (!files->exists(files->ctx, probe))
			continue;
		if (note_group(all, names.items[i]) < 0)
			return wb_oom(err);
		e = add_cgroup(files, below, depth + 1, all, load, err);
	}
	return e;
}

/* As far as this is possible: what stays unseen is judged as such. */
static int look_from_whole_roots(const struct wb_files *files, struct wb_procs *all)
{
	int e = 0;

	for (size_t i = 0; e != -ENOMEM && i < all->n; i++) {
		struct wb_proc *p = &all->items[i];
		const struct wb_proc *whole = wb_procs_whole(all, p);

		if (whole && whole != p)
			e = wb_proc_look_from(files, whole, p);
	}
	return e == -ENOMEM ? e : 0;
}

int wb_procs_read(const struct wb_files *files, const char *cgroup, struct wb_procs *ret,
	struct wb_error *err)
{
	/* cgroup v2; then systemd's own hierarchy beside those of v1, in two places. */
	static const char *const mounts[] = {
		"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"};
	int e = -ENOENT;

	for (size_t i = 0; e == -ENOENT && i < sizeof(mounts) / sizeof(*mounts); i++) {
		WB_CLEAN_PROCS all = {};
		WB_CLEAN_STR dir = NULL;
		size_t load = 0;

		if (asprintf(&dir, "%s%s", mounts[i], cgroup) < 0) {
			dir = NULL;
			return wb_oom(err);
		}
		e = add_cgroup(files, dir, 0, &all, &load, err);
		if (e < 0)
			continue;
		if (all.n)
			wb_sort(all.items, all.n, sizeof(*all.items), by_number);
		all.sorted = true;
		e = look_from_whole_roots(files, &all);
		if (e < 0)
			return wb_oom(err);
		*ret = all;
		all = (struct wb_procs){};
	}
	return e;
}

const struct wb_proc *wb_procs_whole(const struct wb_procs *procs, const struct wb_proc *p)
{
	const char *ns = p->ns[WB_NS_MNT];

	if (p->root && !strcmp(p->root, "/"))
		return p;
	for (size_t i = 0; ns && i < procs->n; i++) {
		const struct wb_proc *q = &procs->items[i];

		if (q->ns[WB_NS_MNT] && !strcmp(q->ns[WB_NS_MNT], ns) && q->root &&
			!strcmp(q->root, "/"))
			return q;
	}
	return NULL;
}
