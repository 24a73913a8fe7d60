// SPDX-License-Identifier: LGPL-2.1-or-later
/* Checking the namespaces of a process before root enters them. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/namespaces.h"

static const struct {
	const char *name, *what;
	int type; /* sched.h */
} kinds[WB_NS_COUNT] = {
	[WB_NS_MNT] = {"mnt", "mount", CLONE_NEWNS},
	[WB_NS_UTS] = {"uts", "host name", CLONE_NEWUTS},
	[WB_NS_IPC] = {"ipc", "IPC", CLONE_NEWIPC},
	[WB_NS_NET] = {"net", "network", CLONE_NEWNET},
	[WB_NS_USER] = {"user", "user", CLONE_NEWUSER},
	[WB_NS_PID] = {"pid", "process number", CLONE_NEWPID},
	[WB_NS_CGROUP] = {"cgroup", "control group", CLONE_NEWCGROUP},
	[WB_NS_TIME] = {"time", "time", CLONE_NEWTIME},
};

const char *wb_ns_name(enum wb_ns kind)
{
	return kinds[kind].name;
}

bool wb_ns_find(const char *name, enum wb_ns *ret)
{
	for (size_t i = 0; i < WB_NS_COUNT; i++)
		if (!strcmp(kinds[i].name, name)) {
			*ret = (enum wb_ns)i;
			return true;
		}
	return false;
}

/* ---- the machine's own namespaces ---- */

static bool same(const struct wb_ns_id *a, const struct wb_ns_id *b)
{
	return a->inode == b->inode && a->device == b->device;
}

/* The identity of a namespace of process 1. */
static int machine_id(const struct wb_ns_ops *ops, enum wb_ns kind, struct wb_ns_id *ret)
{
	int init = ops->process(ops->ctx, 1), fd, r;
	char name[24];

	if (init < 0)
		return init;
	snprintf(name, sizeof(name), "ns/%s", kinds[kind].name);
	fd = ops->open(ops->ctx, init, name);
	r = fd < 0 ? fd : ops->identity(ops->ctx, fd, ret);
	if (fd >= 0)
		ops->close(ops->ctx, fd);
	ops->close(ops->ctx, init);
	return r;
}

/* Is this user namespace the machine's? Closes it. 1, 0, or negative. */
static int is_machines_users(const struct wb_ns_ops *ops, int user_ns)
{
	struct wb_ns_id machine, id;
	int r;

	if (user_ns < 0)
		return user_ns;
	r = ops->identity(ops->ctx, user_ns, &id);
	ops->close(ops->ctx, user_ns);
	if (r == 0)
		r = machine_id(ops, WB_NS_USER, &machine);
	return r < 0 ? r : same(&id, &machine);
}

/* ---- checks ---- */

/*
 * The kernel answers -EPERM for a namespace outside of those that the caller's user namespace may
 * see.
 */
static int check_type(const struct wb_ns_ops *ops, int fd, enum wb_ns kind)
{
	int type = ops->type(ops->ctx, fd);

	if (type < 0)
		return type;
	return type == kinds[kind].type ? 0 : -EPERM;
}

/* The sentences begin with "its process N", or with the name of the unit. */
static int check_owner(
	const struct wb_ns_ops *ops, int fd, enum wb_ns kind, const char *who, struct wb_error *err)
{
	int r = check_type(ops, fd, kind);

	if (r == 0)
		r = is_machines_users(ops, ops->owner(ops->ctx, fd));
	if (r == 1)
		return 0;
	if (r < 0 && r != -EPERM)
		return wb_fail(err, r, "cannot tell who made the %s namespace of %s: %s",
			kinds[kind].what, who, strerror(-r));
	return wb_fail(err, -EPERM,
		"%s has made a %s namespace of its own, which root does not enter", who,
		kinds[kind].what);
}

static int check_users(const struct wb_ns_ops *ops, int fd, bool private_users, const char *who,
	struct wb_error *err)
{
	uint32_t maker = UINT32_MAX;
	int r = check_type(ops, fd, WB_NS_USER);

	if (r == 0 && private_users)
		r = ops->owner_uid(ops->ctx, fd, &maker);
	if (r == 0 && private_users && maker == 0)
		r = is_machines_users(ops, ops->parent(ops->ctx, fd));
	if (r == 1)
		return 0;
	if (r < 0 && r != -EPERM)
		return wb_fail(err, r, "cannot tell who made the user namespace of %s: %s", who,
			strerror(-r));
	return wb_fail(err, -EPERM,
		"%s has made a user namespace of its own, which root does not enter", who);
}

int wb_ns_check(const struct wb_ns_ops *ops, int fd, enum wb_ns kind, const char *unit,
	struct wb_error *err)
{
	struct wb_ns_id id, machine;
	int r;

	if (kind == WB_NS_USER)
		return wb_fail(err, -EPERM, "no user namespace is entered for %s", unit);
	r = check_type(ops, fd, kind);
	if (r == 0)
		r = ops->identity(ops->ctx, fd, &id);
	if (r < 0)
		return wb_fail(err, -EPERM, "the descriptor kept for %s is no %s namespace", unit,
			kinds[kind].what);
	if (machine_id(ops, kind, &machine) == 0 && same(&id, &machine))
		return 0;
	return check_owner(ops, fd, kind, unit, err);
}

int wb_ns_find_kind(const struct wb_ns_ops *ops, enum wb_ns kind, const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ops->type(ops->ctx, fds[i]) == kinds[kind].type)
			return fds[i];
	return -1;
}

int wb_ns_is_own(const struct wb_ns_ops *ops, enum wb_ns kind, int fd)
{
	struct wb_ns_id id, machine;
	int r = ops->identity(ops->ctx, fd, &id);

	if (r == 0)
		r = machine_id(ops, kind, &machine);
	return r < 0 ? r : !same(&id, &machine);
}

/* ---- a process ---- */

/*
 * A line as in cgroups(7): "0::/system.slice/x.service", or that of systemd's own hierarchy beside
 * older ones.
 */
static bool names_group(const char *text, const char *cgroup)
{
	size_t n = strlen(cgroup);

	for (const char *l = text; l && *l; l = strchr(l, '\n'), l = l ? l + 1 : NULL) {
		const char *path = NULL;

		if (!strncmp(l, "0::", 3)) {
			path = l + 3;
		} else {
			size_t to = strspn(l, "0123456789");

			if (!strncmp(l + to, ":name=systemd:", 14))
				path = l + to + 14;
		}
		if (path && !strncmp(path, cgroup, n) && strchr("\n/", path[n]))
			return true;
	}
	return false;
}

static int check_group(const struct wb_ns_ops *ops, int process, const struct wb_ns_whose *whose,
	struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	int r = ops->read(ops->ctx, process, "cgroup", &text);

	if (r < 0)
		return r;
	if (!whose->cgroup || *whose->cgroup != '/' || !whose->cgroup[1] ||
		!names_group((const char *)text.data, whose->cgroup))
		return wb_fail(err, -ESRCH, "process %lld is not one of %s", (long long)whose->pid,
			whose->unit);
	return 0;
}

static int open_one(struct wb_ns_set *set, const struct wb_ns_whose *whose, enum wb_ns kind,
	const char *who, struct wb_error *err)
{
	const struct wb_ns_ops *ops = set->ops;
	struct wb_ns_id machine, id;
	char name[24];
	int r;

	snprintf(name, sizeof(name), "ns/%s", kinds[kind].name);
	r = machine_id(ops, kind, &machine);
	/* Process 1 lacks it only if the kernel has no namespaces of this kind. */
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return wb_fail(
			err, r, "cannot look at the namespaces of process 1: %s", strerror(-r));
	set->fds[kind] = ops->open(ops->ctx, set->process, name);
	if (set->fds[kind] < 0)
		return set->fds[kind] == -ENOENT ? -ESRCH : set->fds[kind];
	r = ops->identity(ops->ctx, set->fds[kind], &id);
	if (r < 0)
		return r;
	set->own[kind] = !same(&id, &machine);
	if (!set->own[kind])
		return 0;
	return kind == WB_NS_USER ? check_users(ops, set->fds[kind], whose->private_users, who, err)
				  : check_owner(ops, set->fds[kind], kind, who, err);
}

/*
 * Open the namespace again: 1: it is the one in the set; 0: it is another; -ESRCH: the process has
 * ended.
 */
static int is_still(struct wb_ns_set *set, enum wb_ns kind, const char *name)
{
	const struct wb_ns_ops *ops = set->ops;
	struct wb_ns_id own, now;
	char path[40];
	int fd, r;

	snprintf(path, sizeof(path), "ns/%s", name);
	fd = ops->open(ops->ctx, set->process, path);
	if (fd < 0)
		return fd;
	r = ops->identity(ops->ctx, set->fds[kind], &own);
	if (r == 0)
		r = ops->identity(ops->ctx, fd, &now);
	ops->close(ops->ctx, fd);
	return r < 0 ? r : same(&own, &now);
}

/*
 * After unshare(2) with CLONE_NEWPID or CLONE_NEWTIME the children of a process are in a namespace
 * other than its own.
 */
static int check_children(
	struct wb_ns_set *set, enum wb_ns kind, const char *who, struct wb_error *err)
{
	char name[24];
	int r;

	if (set->fds[kind] < 0)
		return 0;
	snprintf(name, sizeof(name), "%s_for_children", kinds[kind].name);
	r = is_still(set, kind, name);
	/*
	 * A PID namespace cannot be opened before it has its first process
	 * (kernel/pid_namespace.c).
	 */
	if (r < 0 && is_still(set, kind, kinds[kind].name) < 0)
		return -ESRCH;
	if (r == 1)
		return 0;
	return wb_fail(
		err, -EPERM, "%s has made a %s namespace for its children", who, kinds[kind].what);
}

int wb_ns_open(const struct wb_ns_ops *ops, const struct wb_ns_whose *whose, struct wb_ns_set *ret,
	struct wb_error *err)
{
	WB_CLEAN_NS_SET set = {.ops = ops};
	struct wb_error why = {};
	char who[40];
	int r = 0;

	for (size_t i = 0; i < WB_NS_COUNT; i++)
		set.fds[i] = -1;
	snprintf(who, sizeof(who), "its process %lld", (long long)whose->pid);
	set.process = ops->process(ops->ctx, whose->pid);
	if (set.process < 0)
		r = set.process;
	/*
	 * Check the user namespace first: it may own the others, and then a sentence about them
	 * says less.
	 */
	if (r == 0)
		r = open_one(&set, whose, WB_NS_USER, who, &why);
	for (size_t i = 0; r == 0 && i < WB_NS_COUNT; i++)
		if (i != WB_NS_USER)
			r = open_one(&set, whose, (enum wb_ns)i, who, &why);
	if (r == 0)
		r = check_children(&set, WB_NS_PID, who, &why);
	if (r == 0)
		r = check_children(&set, WB_NS_TIME, who, &why);
	/*
	 * Check the unit after everything is open, because the process may have ended in the
	 * meantime.
	 */
	if (r == 0)
		r = check_group(ops, set.process, whose, &why);
	if (r == -ENOENT || r == -ESRCH)
		return wb_fail(err, -ESRCH, "%s",
			why.code ? why.text : "there is no such process any more");
	if (r < 0 && why.code)
		return wb_fail(err, r, "%s", why.text);
	if (r < 0)
		return wb_fail(
			err, r, "cannot look at the namespaces of %s: %s", who, strerror(-r));
	*ret = set;
	set = (struct wb_ns_set){};
	return 0;
}

void wb_ns_close(struct wb_ns_set *set)
{
	if (!set->ops)
		return;
	for (size_t i = 0; i < WB_NS_COUNT; i++)
		if (set->fds[i] >= 0)
			set->ops->close(set->ops->ctx, set->fds[i]);
	if (set->process >= 0)
		set->ops->close(set->ops->ctx, set->process);
	*set = (struct wb_ns_set){};
}

int wb_ns_to_enter(const struct wb_ns_set *set, enum wb_ns kind)
{
	const struct wb_ns_ops *ops = set->ops;
	struct wb_ns_id theirs, ours;
	int self, fd, r;
	char name[24];

	if (set->fds[kind] < 0)
		return -1;
	snprintf(name, sizeof(name), "ns/%s", kinds[kind].name);
	self = ops->process(ops->ctx, getpid());
	fd = self < 0 ? -1 : ops->open(ops->ctx, self, name);
	r = fd < 0 ? -1 : ops->identity(ops->ctx, fd, &ours);
	if (r == 0)
		r = ops->identity(ops->ctx, set->fds[kind], &theirs);
	if (fd >= 0)
		ops->close(ops->ctx, fd);
	if (self >= 0)
		ops->close(ops->ctx, self);
	return r == 0 && same(&ours, &theirs) ? -1 : set->fds[kind];
}

int wb_ns_open_root(const struct wb_ns_ops *ops, const struct wb_ns_whose *whose, int *ret_fd,
	struct wb_error *err)
{
	WB_CLEAN_NS_SET set = {};
	int fd, r = wb_ns_open(ops, whose, &set, err);

	if (r < 0)
		return r;
	fd = ops->open(ops->ctx, set.process, "root");
	if (fd < 0)
		return wb_fail(err, fd == -ENOENT ? -ESRCH : fd,
			"cannot open the root of process %lld of %s: %s", (long long)whose->pid,
			whose->unit, strerror(-fd));
	*ret_fd = fd;
	return 0;
}
