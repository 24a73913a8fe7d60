// SPDX-License-Identifier: LGPL-2.1-or-later
/* System V IPC of a unit's processes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "files/owners.h"
#include "survey/judging.h"
#include "survey/looking.h"

/*
 * Between two looks a service may begin or end processes that have its segments attached. While CRIU copies the
 * namespace for another unit, it has each segment attached for a moment.
 */
#define LOOKS 20
#define PAUSE_NS 10000000

/* The segments that a process has attached: the kernel shows their numbers as inodes (ipc/shm.c, newseg()). */
static int add_attached(const struct wb_proc *p, struct wb_ipc_attached **all, size_t *n)
{
	for (size_t i = 0; i < p->maps.n; i++) {
		const struct wb_proc_map *m = &p->maps.items[i];
		struct wb_ipc_attached *a = *all;
		size_t k = 0;

		if (!starts(m->name, "/SYSV"))
			continue;
		while (k < *n && (a[k].id != m->inode || a[k].device != m->device))
			k++;
		if (k == *n) {
			a = reallocarray(*all, *n + 1, sizeof(*a));
			if (!a)
				return -ENOMEM;
			*all = a;
			a[(*n)++] = (struct wb_ipc_attached){m->inode, m->device, 0};
		}
		a[k].maps += m->parts;
	}
	return 0;
}

static int look(const struct wb_files *files, const struct wb_ns_set *set, int64_t main_pid,
	const struct wb_procs *procs, struct wb_ipc_verdict *ret)
{
	struct wb_manifest_unit who = {.main_pid = main_pid};
	struct wb_ipc_attached *attached = NULL;
	size_t n = 0;
	WB_CLEAN_IPC ipc = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < procs->n; i++) {
		int64_t *pid = wb_list_add(&who.pids, sizeof(*pid));

		r = pid ? add_attached(&procs->items[i], &attached, &n) : -ENOMEM;
		if (pid)
			*pid = procs->items[i].pid;
	}
	if (r == 0)
		r = wb_owners_note(files, &who, NULL);
	if (r == 0)
		r = wb_ipc_read(files, wb_ns_to_enter(set, WB_NS_IPC), &ipc);
	if (r == 0)
		r = wb_ipc_judge(&ipc,
			&(struct wb_ipc_unit){set->own[WB_NS_IPC], attached, n, who.pids.items,
				who.uids.items, who.pids.n, who.uids.n},
			ret);
	free(attached);
	free(who.pids.items);
	free(who.uids.items);
	return r;
}

int wb_looking_ipc(const struct wb_files *files, const struct wb_ns_ops *ops,
	const struct wb_ns_whose *whose, const struct wb_procs *procs, struct wb_ipc_verdict *ret)
{
	WB_CLEAN_NS_SET set = {};
	struct wb_error why = {};
	int r = wb_ns_open(ops, whose, &set, &why);

	if (r == 0)
		r = look(files, &set, whose->pid, procs, ret);
	for (int i = 1; r == 0 && ret->reasons.n && i < LOOKS; i++) {
		const struct timespec pause = {.tv_nsec = PAUSE_NS};
		WB_CLEAN_PROCS again = {};

		nanosleep(&pause, NULL);
		r = wb_procs_read(files, whose->cgroup, &again, &why);
		wb_ipc_verdict_deinit(ret);
		if (r == 0)
			r = look(files, &set, whose->pid, &again, ret);
	}
	if (r == 0 || r == -ENOMEM)
		return r;
	/* A process that has ended, or namespaces that root does not enter, are reasons already. */
	wb_ipc_verdict_deinit(ret);
	ret->needed = true;
	return wb_strv_addf(
		&ret->reasons, "its System V IPC cannot be looked at: %s", strerror(-r));
}

void wb_rules_ipc(struct wb_judging *j)
{
	const struct wb_ipc_verdict *v = j->f->ipc;

	for (size_t i = 0; v && i < v->reasons.n; i++)
		wb_distrust(j, "%s", v->reasons.items[i]);
	if (!v || !v->needed || v->reasons.n)
		return;
	j->v.image.own_ipc = true;
	j->v.bytes += v->others;
	for (size_t i = 0; i < v->segments.n; i++) {
		int64_t *id = wb_list_add(&j->v.image.segments, sizeof(*id));

		if (!id)
			j->error = -ENOMEM;
		else
			*id = v->segments.items[i];
	}
	wb_warn(j, "it has an IPC namespace of its own (System V, POSIX message queues) until its "
		   "next "
		   "restart");
}
