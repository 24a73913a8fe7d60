// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ends processes that a unit has started beside its main one during the shutdown. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "keep/strays.h"
#include "proc/proc.h"

#define TICK_NS 10000000u /* proc_pid_stat(5) counts in hundredths of a second on every machine */
#define PAUSE_MS 10
#define PAUSES 50
#define DEEPEST 64 /* generations that are followed */

/* The marks of a stray. */
struct mark {
	const struct wb_files *files;
	const struct wb_manifest_unit *unit;
	uint64_t since_ns;
};

/* The fields of /proc/PID/stat that count here. */
struct origin {
	char name[64];
	bool ended; /* and its parent has not seen it yet */
	int64_t parent;
	uint64_t ticks; /* when it began, from the boot on */
};

static bool read_origin(const struct wb_files *files, int64_t pid, struct origin *ret)
{
	WB_CLEAN_BLOB b = {};
	const char *open, *close;
	char path[64];
	int64_t parent;
	uint64_t ticks;
	char state;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	if (files->read(files->ctx, path, 1 << 16, &b, NULL) < 0)
		return false;
	/* A name may hold any character. */
	open = strchr((const char *)b.data, '(');
	close = strrchr((const char *)b.data, ')');
	if (!open || !close ||
		sscanf(close + 1,
			" %c %" SCNd64 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			"%*s %*s %*s %*s %" SCNu64,
			&state, &parent, &ticks) != 3)
		return false;
	*ret = (struct origin){
		.ended = state == 'Z' || state == 'X', .parent = parent, .ticks = ticks};
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(close - open - 1), open + 1);
	return true;
}

/* Does it descend from the main process? Also true when that cannot be found out. */
static bool descends(const struct mark *m, int64_t pid)
{
	struct origin o;

	for (unsigned depth = 0; depth < DEEPEST; depth++) {
		if (pid == m->unit->main_pid)
			return true;
		if (pid <= 1)
			return false;
		if (!read_origin(m->files, pid, &o))
			return true;
		pid = o.parent;
	}
	return true;
}

static bool is_in_unit(const struct mark *m, int64_t pid)
{
	WB_CLEAN_PIDS pids = {};

	if (wb_pids_read(m->files, m->unit->cgroup, &pids, NULL) < 0)
		return false;
	for (size_t i = 0; i < pids.n; i++)
		if (pids.items[i] == pid)
			return true;
	return false;
}

static bool is_stray(void *arg, int64_t pid)
{
	const struct mark *m = arg;
	struct origin o;

	/* A process that began in the same tick is taken for an older one. */
	return !descends(m, pid) && read_origin(m->files, pid, &o) &&
	       o.ticks > m->since_ns / TICK_NS && is_in_unit(m, pid);
}

static int end_each(const struct wb_strays_ops *ops, struct mark *m, struct wb_strv *told)
{
	WB_CLEAN_PIDS pids = {};
	int r = wb_pids_read(m->files, m->unit->cgroup, &pids, NULL), n = 0;

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < pids.n; i++) {
		struct origin o = {};

		if (!is_stray(m, pids.items[i]) || !read_origin(m->files, pids.items[i], &o) ||
			ops->kill(ops->ctx, pids.items[i], is_stray, m) < 0)
			continue;
		n++;
		r = wb_strv_addf(told,
			"%s: its process %" PRId64 " (%s) has begun beside the main one since the "
			"shutdown began, and was ended",
			m->unit->unit, pids.items[i], o.name);
	}
	return r < 0 ? r : n;
}

static bool any_left(struct mark *m)
{
	WB_CLEAN_PIDS pids = {};

	if (wb_pids_read(m->files, m->unit->cgroup, &pids, NULL) < 0)
		return false;
	for (size_t i = 0; i < pids.n; i++)
		if (is_stray(m, pids.items[i]))
			return true;
	return false;
}

int wb_strays_end(const struct wb_strays_ops *ops, const struct wb_manifest_unit *u,
	uint64_t since_ns, struct wb_strv *told)
{
	struct mark m = {ops->files, u, since_ns};
	struct origin main;
	/* Without its main process it was started again, and its new processes look like strays. */
	bool can = u->cgroup && u->main_pid > 1 && read_origin(ops->files, u->main_pid, &main) &&
		   !main.ended && is_in_unit(&m, u->main_pid);
	int n = can ? end_each(ops, &m, told) : 0;

	/* A zombie stays in the control group until its parent has seen its end. */
	for (int i = 0; n > 0 && i < PAUSES && any_left(&m); i++)
		ops->pause(ops->ctx, PAUSE_MS);
	return n < 0 ? n : 0;
}

/* ---- this machine ---- */

/* The descriptor holds on to one process, so what is_it() reads afterwards is about no other. */
static int host_kill(void *ctx, int64_t pid, bool (*is_it)(void *arg, int64_t pid), void *arg)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0), r = -ESRCH;

	if (fd < 0)
		return -errno;
	if (is_it(arg, pid))
		r = syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void host_pause(void *ctx, unsigned ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000l};

	nanosleep(&t, NULL);
}

struct wb_strays_ops wb_strays_ops_host(const struct wb_files *files)
{
	return (struct wb_strays_ops){.files = files, .kill = host_kill, .pause = host_pause};
}
