// SPDX-License-Identifier: LGPL-2.1-or-later
/* The rules about processes: one tree, namespaces that can be made again, and no rights to be gained. */
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "survey/judging.h"

/* Is `pid` the main process, or a descendant? CRIU dumps one tree of processes. */
static bool in_tree(const struct wb_procs *procs, int64_t pid, int64_t root)
{
	for (size_t steps = 0; steps <= procs->n; steps++) {
		const struct wb_proc *p = wb_procs_find(procs, pid);

		if (pid == root)
			return true;
		if (!p)
			return false;
		pid = p->parent;
	}
	return false;
}

/*
 * CRIU opens some descriptors in each process while it dumps it. Their number is that of Debian's CRIU, with one in
 * reserve.
 */
#define CRIU_OPENS 4

/* Has the process this many numbers left below its limit? */
static bool may_open(const struct wb_proc *p, int64_t want)
{
	int64_t taken = 0;

	if (p->most_files < 0)
		return true;
	for (size_t i = 0; i < p->fds.n; i++)
		taken += p->fds.items[i].fd < p->most_files;
	return p->most_files - taken >= want;
}

void wb_rules_tree(struct wb_judging *j)
{
	const struct wb_procs *procs = j->f->procs;
	const struct wb_proc *root = wb_judging_main(j);

	for (size_t i = 0; i < procs->n; i++) {
		const struct wb_proc *p = &procs->items[i];

		if (!in_tree(procs, p->pid, root->pid))
			wb_refuse(j,
				"its process %" PRId64 " (%s) does not descend from the main one",
				p->pid, p->name);
		if (!p->zombie && !may_open(p, CRIU_OPENS))
			wb_refuse(j,
				"its process %" PRId64
				" (%s) may open no more files (RLIMIT_NOFILE), and CRIU has to "
				"open some in it",
				p->pid, p->name);
		if (p->tracer)
			wb_refuse(j, "its process %" PRId64 " (%s) is being debugged", p->pid,
				p->name);
		if (p->pid != root->pid && p->session != root->session &&
			!wb_procs_find(procs, p->session))
			wb_refuse(j,
				"its process %" PRId64 " (%s) is in a session whose leader is gone",
				p->pid, p->name);
		if (p->exe && wb_text_ends(p->exe, " (deleted)"))
			wb_refuse(j, "its program %.*s has been replaced on disk: restart it first",
				(int)(strlen(p->exe) - strlen(" (deleted)")), p->exe);
	}
	if (root->session == root->pid)
		return;
	/* A leader that lives outside of the unit would not be in the checkpoint. */
	if (j->f->foreign_leader || wb_procs_find(procs, root->session))
		wb_refuse(j, "its main process is in the session of another one, %" PRId64,
			root->session);
	else
		j->v.image.foreign_session = true;
}

/* user_namespaces(7): lines of "inside outside count". Is each number the same inside and outside? */
static bool maps_onto_itself(const char *map)
{
	while (map && *map) {
		unsigned long long inside, outside, count;
		const char *next = strchr(map, '\n');

		if (sscanf(map, "%llu %llu %llu", &inside, &outside, &count) != 3 ||
			inside != outside)
			return false;
		map = next ? next + 1 : NULL;
	}
	return true;
}

/* CRIU restores these processes in the machine's user namespace, where their rights hold for the whole machine. */
static void judge_own_users(struct wb_judging *j)
{
	for (size_t i = 0; i < j->f->procs->n; i++) {
		const struct wb_proc *p = &j->f->procs->items[i];

		if (p->zombie)
			continue;
		if (p->rights.held)
			wb_distrust_process(j, p,
				"has capabilities in a user namespace (PrivateUsers=), which it "
				"would get "
				"on the machine");
		else if (p->rights.root)
			wb_distrust_process(j, p,
				"is root in a user namespace (PrivateUsers=), and would be on the "
				"machine");
		else if (p->rights.bounding)
			wb_distrust_process(j, p,
				"could get capabilities on the machine that it cannot get in its "
				"user "
				"namespace: PrivateUsers= needs NoNewPrivileges=yes or an empty "
				"CapabilityBoundingSet= beside it");
	}
}

/*
 * With CAP_SYS_ADMIN in its own mount namespace a process can mount a library of its own over one of the
 * machine's, and CRIU would load it there as root. A root process with that capability gains nothing by this:
 * it owns the files and can make a read-only mount writable. Any other process would gain root's rights.
 */
static void judge_mount_rights(struct wb_judging *j, const struct wb_proc *p)
{
	if (!wb_judging_same_ns(p, j->f->init, WB_NS_MNT) && p->rights.limited >> CAP_SYS_ADMIN & 1)
		wb_distrust_process(j, p,
			"is not root, and has CAP_SYS_ADMIN in a mount namespace, where it could "
			"put its "
			"own files in the place of the machine's");
}

void wb_rules_trust(struct wb_judging *j)
{
	if (j->f->procs->excess)
		wb_distrust(j, "it has more than %u descriptors and mappings", WB_PROC_MOST);
	for (size_t i = 0; j->f->untrusted && i < j->f->untrusted->n; i++)
		wb_distrust(j, "%s", j->f->untrusted->items[i]);
	for (size_t i = 0; i < j->f->procs->n; i++) {
		const struct wb_proc *p = &j->f->procs->items[i];

		/*
		 * Its main thread is a zombie, so /proc shows neither files nor memory of the threads that still
		 * run.
		 */
		if (p->zombie && p->threads > 1)
			wb_distrust_process(j, p, "has ended except for some of its threads");
		if (!p->zombie)
			judge_mount_rights(j, p);
	}
}

void wb_rules_namespaces(struct wb_judging *j)
{
	static const struct {
		enum wb_ns ns;
		const char *what;
	} kinds[] = {
		{WB_NS_MNT, "mount"},
		{WB_NS_UTS, "host name"},
		{WB_NS_IPC, "IPC"},
		{WB_NS_NET, "network"},
		{WB_NS_USER, "user"},
		{WB_NS_PID, "process number"},
		{WB_NS_CGROUP, "control group"},
		{WB_NS_TIME, "time"},
	};
	const struct wb_proc *root = wb_judging_main(j), *init = j->f->init;

	for (size_t i = 0; i < j->f->procs->n; i++) {
		const struct wb_proc *p = &j->f->procs->items[i];

		for (size_t k = 0; !p->zombie && k < sizeof(kinds) / sizeof(*kinds); k++)
			if (!wb_judging_same_ns(p, root, kinds[k].ns))
				wb_refuse(j, "its processes are in several %s namespaces",
					kinds[k].what);
	}
	/*
	 * CRIU restores into a time namespace, so that monotonic clocks go on, and makes an IPC namespace anew. A unit
	 * that was kept before has them, and is plain all the same. Control groups are made below that of systemd's.
	 */
	j->v.plain = !j->f->procs->group;
	/* The rules of a security module are loaded later in a boot. */
	for (size_t i = 0; i < j->f->procs->n; i++)
		j->v.plain &= !j->f->procs->items[i].labelled;
	for (size_t k = 0; kinds[k].ns != WB_NS_TIME; k++)
		j->v.plain &= kinds[k].ns == WB_NS_IPC ||
			      (root->ns[kinds[k].ns] && init->ns[kinds[k].ns] &&
				      wb_judging_same_ns(root, init, kinds[k].ns));
	if (!wb_judging_same_ns(root, init, WB_NS_PID))
		wb_refuse(j, "it has process numbers of its own (a pid namespace)");
	if (wb_judging_same_ns(root, init, WB_NS_USER))
		return;
	if (wb_service_has_private_users(j->f->systemd))
		judge_own_users(j);
	else
		wb_distrust(j, "it has a user namespace that PrivateUsers= has not made");
	if (!maps_onto_itself(root->uid_map) || !maps_onto_itself(root->gid_map)) {
		wb_distrust(
			j, "it has users of its own (a user namespace that maps them to others)");
		return;
	}
	j->v.image.own_users = true;
	wb_warn(j, "PrivateUsers= is not in force again before its next restart");
}
