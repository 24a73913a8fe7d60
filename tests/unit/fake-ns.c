// SPDX-License-Identifier: LGPL-2.1-or-later
/* Fake namespaces of processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "fake-ns.h"

/* Descriptors: of a process, its number; of a namespace, 1 << 24 and its number; of a root, 1 << 25. */
#define NS (1 << 24)
#define ROOT (1 << 25)

static const struct fake_ns_proc *find(const struct fake_ns *f, int process)
{
	for (const struct fake_ns_proc *p = f->procs; p && p->pid; p++)
		if (p->pid == process)
			return p;
	return NULL;
}

static const struct fake_ns_one *find_one(const struct fake_ns *f, int fd)
{
	for (const struct fake_ns_one *o = f->ones; o && o->id; o++)
		if ((NS | o->id) == fd)
			return o;
	return NULL;
}

static int open_process(void *ctx, int64_t pid)
{
	struct fake_ns *f = ctx;
	const struct fake_ns_proc *p = find(f, (int)pid);

	if (p && p->gone)
		return -ENOENT;
	f->fds++;
	return (int)pid;
}

static int open_link(void *ctx, int process, const char *name)
{
	struct fake_ns *f = ctx;
	const struct fake_ns_proc *p = find(f, process);
	char kind_name[32] = "";
	const char *children;
	enum wb_ns kind;
	int id;

	if (!strcmp(name, "root")) {
		f->fds++;
		return ROOT | process;
	}
	children = strstr(name, "_for_children");
	snprintf(kind_name, sizeof(kind_name), "%.*s",
		(int)((children ? (size_t)(children - name) : strlen(name)) - 3), name + 3);
	if (!wb_ns_find(kind_name, &kind) || (kind == WB_NS_TIME && f->no_time))
		return -ENOENT;
	id = p && p->ns[kind] ? p->ns[kind] : FAKE_NS_MACHINE + (int)kind;
	if (children && kind == WB_NS_PID && p && p->pid_for_children)
		id = p->pid_for_children;
	if (id < 0)
		return -ENOENT;
	f->fds++;
	return NS | id;
}

static int read_file(void *ctx, int process, const char *name, struct wb_blob *ret)
{
	const struct fake_ns *f = ctx;
	const struct fake_ns_proc *p = find(f, process);
	const char *text = p && p->cgroup ? p->cgroup : f->cgroup;

	return strcmp(name, "cgroup") ? -ENOENT : wb_blob_append(ret, text, strlen(text) + 1);
}

static int identity(void *ctx, int fd, struct wb_ns_id *ret)
{
	*ret = (struct wb_ns_id){4, (uint64_t)fd};
	return 0;
}

static int type_of(void *ctx, int fd)
{
	static const int types[WB_NS_COUNT] = {[WB_NS_MNT] = CLONE_NEWNS,
		[WB_NS_UTS] = CLONE_NEWUTS,
		[WB_NS_IPC] = CLONE_NEWIPC,
		[WB_NS_NET] = CLONE_NEWNET,
		[WB_NS_USER] = CLONE_NEWUSER,
		[WB_NS_PID] = CLONE_NEWPID,
		[WB_NS_CGROUP] = CLONE_NEWCGROUP,
		[WB_NS_TIME] = CLONE_NEWTIME};
	const struct fake_ns_one *o = find_one(ctx, fd);
	int kind = o ? (int)o->kind : (fd & ~NS) - FAKE_NS_MACHINE;

	return (fd & NS) && kind >= 0 && kind < WB_NS_COUNT ? types[kind] : -ENOTTY;
}

static int related(struct fake_ns *f, int id)
{
	if (!id)
		return -EPERM;
	f->fds++;
	return NS | id;
}

static int owner(void *ctx, int fd)
{
	const struct fake_ns_one *o = find_one(ctx, fd);

	return o ? related(ctx, o->owner) : -ENOTTY;
}

static int parent(void *ctx, int fd)
{
	const struct fake_ns_one *o = find_one(ctx, fd);

	return o ? related(ctx, o->parent) : -EPERM;
}

static int owner_uid(void *ctx, int fd, uint32_t *ret)
{
	const struct fake_ns_one *o = find_one(ctx, fd);

	if (!o || o->kind != WB_NS_USER)
		return -EINVAL;
	*ret = o->uid;
	return 0;
}

static void close_fd(void *ctx, int fd)
{
	((struct fake_ns *)ctx)->fds--;
}

/* The files of the machine are the real ones. */
static int open_machine(void *ctx, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

struct wb_ns_ops fake_ns_ops(struct fake_ns *fake)
{
	return (struct wb_ns_ops){fake, open_process, open_link, read_file, identity, type_of,
		owner, parent, owner_uid, close_fd, open_machine};
}
