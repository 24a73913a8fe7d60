// SPDX-License-Identifier: LGPL-2.1-or-later
/* The restore under systemd takes over units that the early restore has brought back. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "restore/early.h"
#include "proc/proc.h"
#include "sys/clock.h"
#include "sys/swap.h"

/* ---- the state of the early restore ---- */

/* A descriptor of the process of the early restore. -ENOENT: it has ended. */
static int early_process(const struct wb_sys *sys)
{
	WB_CLEAN_BLOB text = {};
	int pid, fd;

	if (sys->files->read(sys->files->ctx, WB_EARLY_PID, 64, &text, NULL) < 0)
		return -ENOENT;
	pid = atoi((const char *)text.data);
	fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	return fd < 0 ? -ENOENT : fd;
}

int wb_early_read(const struct wb_sys *sys, struct wb_early *ret, struct wb_error *err)
{
	const int64_t end = wb_now_ms() + (WB_EARLY_SECONDS + 10) * 1000;
	const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
	int process = early_process(sys), r = 0;

	if (process < 0)
		return wb_fail(err, -ENOENT, "there was no early thaw");
	while (r == 0 && !sys->files->exists(sys->files->ctx, WB_EARLY)) {
		if (wb_now_ms() >= end)
			r = wb_fail(err, -ETIME, "the early thaw does not end");
		else if (syscall(SYS_pidfd_send_signal, process, 0, NULL, 0) < 0)
			r = wb_fail(err, -ENOENT, "the early thaw ended before its time");
		nanosleep(&pause, NULL);
	}
	close(process);
	if (r == 0) {
		WB_CLEAN_BLOB text = {};

		r = sys->files->read(sys->files->ctx, WB_EARLY, 1 << 20, &text, err);
		if (r == 0)
			r = wb_early_parse(wb_blob_view(&text), ret, err);
	}
	return r;
}

/* ---- taking over a restored unit ---- */

/* All processes of the caller's control group, with the caller. */
static int read_cgroup(const struct wb_sys *sys, wb_pids *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	char *group;
	int r = sys->files->read(sys->files->ctx, "/proc/self/cgroup", 1 << 20, &text, err);

	if (r < 0)
		return r;
	/* cgroups(7): "0::PATH" is the one of version 2. */
	group = !strncmp((char *)text.data, "0::", 3) ? (char *)text.data
						      : strstr((char *)text.data, "\n0::");
	if (!group)
		return wb_fail(err, -ENOENT, "/proc/self/cgroup names no control group");
	group = strchr(group, '/');
	if (!group)
		return wb_fail(err, -ENOENT, "/proc/self/cgroup names no control group");
	group[strcspn(group, "\n")] = 0;
	return wb_pids_read(sys->files, group, ret, err);
}

/* Copy the output that has come until now. */
static void pass_on(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(from, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		for (ssize_t at = 0, w; at < n; at += w) {
			w = write(to, buf + at, (size_t)(n - at));
			if (w <= 0)
				return;
		}
}

/* The last resort: two children copy the output as long as the unit runs. */
static void stay_between(const int from[2])
{
	for (int i = 0; i < 2; i++) {
		char buf[4096];
		ssize_t n;

		if (fork() != 0)
			continue;
		while ((n = read(from[i], buf, sizeof(buf))) > 0)
			if (write(i + 1, buf, (size_t)n) < 0)
				break;
		_exit(0);
	}
}

static bool swap_all(const struct wb_sys *sys, const struct wb_early_unit *e, const int peers[2],
	struct wb_error *ret_warning)
{
	bool good = true;

	/* A process that is forked meanwhile has the old descriptors, so repeat until none is found. */
	for (int round = 0; round < 10; round++) {
		WB_CLEAN_PIDS pids = {};
		int swapped = 0;

		if (read_cgroup(sys, &pids, ret_warning) < 0)
			return false;
		good = true;
		for (size_t i = 0; i < pids.n; i++)
			for (int k = 0; pids.items[i] != getpid() && k < 2; k++) {
				int r = wb_swap_fds(
					pids.items[i], e->inodes[k], peers[k], k + 1, ret_warning);

				if (r > 0)
					swapped += r;
				else if (r < 0 && r != -ESRCH)
					good = false;
			}
		if (!swapped)
			return good;
	}
	return false;
}

static int take_over(const struct wb_early *early, const struct wb_early_unit *e, int ret[2],
	struct wb_error *err)
{
	int process = (int)syscall(SYS_pidfd_open, (pid_t)early->pid, 0);

	if (process < 0)
		return wb_fail(err, -errno, "the early thaw's process is gone");
	for (int i = 0; i < 2; i++) {
		ret[i] = (int)syscall(SYS_pidfd_getfd, process, (int)e->fds[i], 0);
		if (ret[i] < 0) {
			int r = wb_fail(err, -errno, "cannot take over the output of %s: %s",
				e->unit, strerror(errno));

			close(process);
			return r;
		}
	}
	close(process);
	return 0;
}

static bool lives_here(const struct wb_sys *sys, int64_t main_pid)
{
	WB_CLEAN_PIDS pids = {};

	if (read_cgroup(sys, &pids, NULL) < 0)
		return false;
	for (size_t i = 0; i < pids.n; i++)
		if (pids.items[i] == main_pid)
			return true;
	return false;
}

int wb_early_adopt(const struct wb_sys *sys, const struct wb_manifest_unit *u,
	struct wb_error *ret_warning, struct wb_error *err)
{
	WB_CLEAN_EARLY early = {};
	const struct wb_early_unit *e;
	int peers[2], r = wb_early_read(sys, &early, err);

	if (r < 0)
		return -ENOENT;
	e = wb_early_find(&early, u->unit);
	if (!e)
		return wb_fail(err, -ENOENT, "%s was not thawed early", u->unit);
	if (!lives_here(sys, u->main_pid))
		return wb_fail(err, -ESRCH, "it came back, and ended soon after");
	r = take_over(&early, e, peers, err);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++)
		pass_on(peers[i], i + 1);
	if (!swap_all(sys, e, peers, ret_warning)) {
		if (ret_warning && !ret_warning->code)
			wb_fail(ret_warning, -EAGAIN,
				"the output of %s goes through a process of warmboot", u->unit);
		stay_between(peers);
	} else if (ret_warning) {
		*ret_warning = (struct wb_error){};
	}
	for (int i = 0; i < 2; i++) {
		pass_on(peers[i], i + 1);
		close(peers[i]);
	}
	return 0;
}
