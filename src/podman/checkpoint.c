// SPDX-License-Identifier: LGPL-2.1-or-later
/* A checkpoint through podman, after which the container stands still. dist/podman/hook is the other half. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/strv.h"
#include "podman/run.h"
#include "sys/below.h"
#include "sys/namespaces.h"
#include "sys/sys.h"

#define MARKS "/run/warmboot/podman"
#define CGROUPS "/sys/fs/cgroup"
#define KILL_MS 5000

/*
 * In the container's network namespace: whatever arrives between CRIU's last look at a socket and the end of that
 * socket would be confirmed to its sender and lost, and a socket that is closed would say so.
 */
static const char rules[] =
	"table inet warmboot {\n"
	"\tchain arriving { type filter hook input priority -400; policy drop; }\n"
	"\tchain leaving { type filter hook output priority -400; policy drop; }\n"
	"}\n";

struct wb_podman_frozen {
	const struct wb_runner *runner;
	char *mark;         /* directory that tells the hook what to do */
	int group;          /* directory of the control group */
	int process, watch; /* pidfds of its first process, and of conmon */
	struct wb_podman_guard guard;
	bool own_network;
	struct wb_ns_set
		namespaces; /* with a network of its own: those of its first process, checked */
};

/* ---- what tells the hook ---- */

static void remove_mark(const char *mark)
{
	static const char *const names[] = {"freeze", "net", "rules", "since"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		WB_CLEAN_STR path = wb_strf("%s/%s", mark, names[i]);

		if (path)
			unlink(path);
	}
	rmdir(mark);
}

/* The hook goes by descriptors of this process, and fails if that has ended. */
static int link_network(const struct wb_podman_frozen *f)
{
	WB_CLEAN_STR link = wb_strf("%s/net", f->mark);
	WB_CLEAN_STR to = wb_strf("/proc/%d/fd/%d", (int)getpid(), f->namespaces.fds[WB_NS_NET]);

	if (!link || !to)
		return -ENOMEM;
	return symlink(to, link) < 0 ? -errno : 0;
}

static int make_mark(const struct wb_podman_frozen *f, const struct wb_podman_target *t)
{
	WB_CLEAN_STR freeze = wb_strf("%s/freeze", f->mark);
	WB_CLEAN_STR path = wb_strf("%s/rules", f->mark);
	WB_CLEAN_STR group = wb_strf("/proc/%d/fd/%d/cgroup.freeze", (int)getpid(), f->group);
	int r, fd;

	if (!freeze || !path || !group)
		return -ENOMEM;
	remove_mark(f->mark);
	r = wb_make_parents(f->mark);
	if (r < 0 || mkdir(f->mark, 0700) < 0 || symlink(group, freeze) < 0)
		return r < 0 ? r : -errno;
	if (!f->own_network)
		return 0;
	r = link_network(f);
	fd = r < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return r < 0 ? r : -errno;
	r = write(fd, rules, strlen(rules)) == (ssize_t)strlen(rules) ? 0 : -EIO;
	close(fd);
	return r;
}

/* ---- the container itself ---- */

/* Is the process in this control group? After its pidfd was opened, so it is no later process of the same number. */
static int check_group(
	const struct wb_files *files, int64_t pid, const char *cgroup, struct wb_error *err)
{
	WB_CLEAN_STR line = wb_strf("0::%s\n", cgroup);
	WB_CLEAN_BLOB text = {};
	char path[64];
	int r;

	if (!line)
		return wb_oom(err);
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/cgroup", pid);
	r = files->read(files->ctx, path, 1 << 16, &text, err);
	if (r < 0)
		return r;
	return strstr((const char *)text.data, line)
		       ? 0
		       : wb_fail(err, -ESRCH,
				 "its process %" PRId64 " is not in the control group %s", pid,
				 cgroup);
}

static int open_target(const struct wb_podman_host *host, const struct wb_podman_target *t,
	struct wb_podman_frozen *f, struct wb_error *err)
{
	const struct wb_ns_whose whose = {.unit = t->id, .cgroup = t->cgroup, .pid = t->pid};
	WB_CLEAN_STR group = wb_strf(CGROUPS "%s", t->cgroup);
	int r;

	f->mark = wb_strf(MARKS "/%" PRId64, t->pid);
	if (!group || !f->mark)
		return wb_oom(err);
	f->process = (int)syscall(SYS_pidfd_open, (pid_t)t->pid, 0);
	f->watch = (int)syscall(SYS_pidfd_open, (pid_t)t->monitor, 0);
	f->group = open(group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->process < 0 || f->watch < 0 || f->group < 0)
		return wb_fail(err, -ESRCH, "its container has ended: %s", strerror(errno));
	r = check_group(host->files, t->pid, t->cgroup, err);
	if (r == 0 && f->own_network)
		r = wb_ns_open(&wb_ns_ops_host, &whose, &f->namespaces, err);
	if (r < 0)
		return r;
	r = make_mark(f, t);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", f->mark, strerror(-r)) : 0;
}

/* Does this file of the control group have the line? Wait for it, at most `ms`. */
static bool wait_event(const struct wb_podman_frozen *f, const char *line, unsigned ms)
{
	char text[256];

	for (unsigned waited = 0;; waited += 10) {
		int fd = openat(f->group, "cgroup.events", O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		if (fd >= 0)
			close(fd);
		/* The group is gone. */
		if (n < 0)
			return false;
		text[n] = 0;
		if (strstr(text, line))
			return true;
		if (waited >= ms)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
	}
}

static void drop_rules(const struct wb_podman_frozen *f)
{
	WB_CLEAN_STR net = wb_strf("--net=%s/net", f->mark);
	const char *const argv[] = {"nsenter", net, "nft", "-f", "-", NULL};

	if (f->own_network && net)
		wb_run(f->runner, argv, wb_text(wb_podman_no_rules), NULL, NULL);
}

static int done(struct wb_podman_frozen *f)
{
	wb_podman_guard_end(&f->guard);
	if (f->mark)
		remove_mark(f->mark);
	free(f->mark);
	wb_closep(&f->group);
	wb_closep(&f->process);
	wb_closep(&f->watch);
	if (f->namespaces.ops)
		wb_ns_close(&f->namespaces);
	free(f);
	return 0;
}

int wb_podman_cancel(struct wb_podman_frozen *f, struct wb_error *err)
{
	int r;

	if (!f)
		return 0;
	drop_rules(f);
	r = wb_poke_at(f->group, "cgroup.freeze", "0");
	if (r < 0)
		wb_fail(err, r, "cannot let its container go on: %s", strerror(-r));
	done(f);
	return r;
}

static bool kill_one(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 ||
	       poll(&p, 1, KILL_MS) > 0;
}

int wb_podman_commit(struct wb_podman_frozen *f, struct wb_error *err)
{
	bool ended = kill_one(f->watch);

	/* Since Linux 5.14; frozen processes die, too. */
	if (ended && wb_poke_at(f->group, "cgroup.kill", "1") == 0)
		ended = wait_event(f, "populated 0", KILL_MS);
	done(f);
	return ended ? 0 : wb_fail(err, -EIO, "its processes do not end");
}

/* The hook notes when CRIU has stopped the processes (proc_uptime(5)). Without that, nothing is known. */
int64_t wb_podman_stood(const struct wb_podman_frozen *f)
{
	WB_CLEAN_STR path = wb_strf("%s/since", f->mark);
	FILE *in = path ? fopen(path, "re") : NULL;
	struct timespec now;
	double since;
	int n = in ? fscanf(in, "%lf", &since) : 0;

	if (in)
		fclose(in);
	clock_gettime(CLOCK_BOOTTIME, &now);
	return n == 1 ? (int64_t)(((double)now.tv_sec - since) * 1e6) + now.tv_nsec / 1000 : 0;
}

/* ---- podman ---- */

/* The archive, as podman writes it into a pipe. */
struct receiving {
	const struct wb_podman_sink *sink;
	int fd;
	uint64_t bytes;
	int r;
	struct wb_error err;
};

/* After a failure it reads on, so that podman ends. */
static void *receive(void *arg)
{
	struct receiving *g = arg;
	static const size_t piece = 1u << 20;
	uint8_t *buf = malloc(piece);
	ssize_t n;

	if (!buf)
		g->r = wb_oom(&g->err);
	while (buf && ((n = read(g->fd, buf, piece)) > 0 || (n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		g->bytes += (uint64_t)n;
		if (g->r == 0)
			g->r = g->sink->write(
				g->sink->ctx, (struct wb_bytes){buf, (size_t)n}, &g->err);
	}
	free(buf);
	return NULL;
}

/* `out`: this process's end of the pipe. podman does not inherit it, or its children would have it, too. */
static int checkpoint_argv(const struct wb_podman_target *t, int out, struct wb_strv *v)
{
	static const char *const words[] = {"container", "checkpoint", "--leave-running",
		"--tcp-established", "--file-locks", "--compress=none", "--ignore-volumes", NULL};
	int r = wb_podman_argv(true, v);

	for (const char *const *w = words; r == 0 && *w; w++)
		r = wb_strv_add(v, *w);
	/* Its changes to its image stay where they are, unless podman removes them. */
	if (r == 0 && !t->removed)
		r = wb_strv_add(v, "--ignore-rootfs");
	if (r == 0)
		r = wb_strv_addf(v, "--export=/proc/%d/fd/%d", (int)getpid(), out);
	return r == 0 ? wb_strv_add(v, t->id) : r;
}

static int run(const struct wb_podman_host *host, const struct wb_podman_target *t, int room,
	int out, struct wb_error *err)
{
	WB_CLEAN_STRV argv = {};

	if (checkpoint_argv(t, out, &argv) < 0)
		return wb_oom(err);
	return wb_podman_run(host->runner, &argv, room, err);
}

/* Run podman while a thread takes what it writes. */
static int run_and_receive(const struct wb_podman_host *host, const struct wb_podman_target *t,
	const struct wb_podman_sink *sink, uint64_t *ret_bytes, struct wb_error *err)
{
	WB_CLEAN_FD room = wb_podman_make_room(host->files, t->bundle, err);
	struct receiving g = {.sink = sink};
	pthread_t thread;
	int ends[2], r;

	if (room < 0)
		return room;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return wb_fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	g.fd = ends[0];
	r = -pthread_create(&thread, NULL, receive, &g);
	if (r == 0) {
		r = run(host, t, room, ends[1], err);
		close(ends[1]);
		pthread_join(thread, NULL);
	} else {
		close(ends[1]);
		wb_fail(err, r, "cannot begin a thread: %s", strerror(-r));
	}
	close(ends[0]);
	wb_podman_tidy(t->bundle);
	if (r == 0 && g.r < 0) {
		r = g.r;
		if (err)
			*err = g.err;
	}
	*ret_bytes = g.bytes;
	return r;
}

int wb_podman_freeze(const struct wb_podman_host *given, const struct wb_podman_target *t,
	const struct wb_podman_sink *sink, struct wb_podman_frozen **ret, uint64_t *ret_bytes,
	struct wb_error *err)
{
	const struct wb_podman_host host = {
		given->runner ? given->runner : &wb_runner_host, given->files};
	struct wb_podman_frozen *f = calloc(1, sizeof(*f));
	uint64_t bytes = 0;
	int r;

	if (!f)
		return wb_oom(err);
	*f = (struct wb_podman_frozen){.runner = host.runner,
		.group = -1,
		.process = -1,
		.watch = -1,
		.guard = {.talk = -1},
		.own_network = t->own_network};
	r = open_target(&host, t, f, err);
	if (r == 0)
		r = wb_podman_guard_begin(&f->guard, f->group,
			f->own_network ? f->namespaces.fds[WB_NS_NET] : -1, err);
	if (r < 0) {
		done(f);
		return r;
	}
	r = run_and_receive(&host, t, sink, &bytes, err);
	if (r == -EIO)
		wb_podman_reason(host.files, t->bundle, "dump.log", err);
	/* Without the hook, podman would have saved a container that runs. */
	if (r == 0 && !wait_event(f, "frozen 1", KILL_MS))
		r = wb_fail(err, -EIO, "its container does not stand still after the checkpoint");
	if (r < 0) {
		wb_podman_cancel(f, NULL);
		return r;
	}
	*ret = f;
	*ret_bytes = bytes;
	return 0;
}
