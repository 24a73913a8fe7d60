// SPDX-License-Identifier: LGPL-2.1-or-later
/* One run of CRIU from start to end: the code that a dump and a restore share. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criu/run.h"
#include "sys/spawn.h"

/* Exit codes of the child before it executes CRIU, which does not use these. */
#define EXIT_SETNS 120
#define EXIT_EXEC 121
/* A log is searched up to this size. */
#define LONGEST_LOG (64u << 20)

static const char *const programs[] = {"/usr/sbin/criu", "/usr/local/sbin/criu", "/usr/bin/criu"};

void wb_criu_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void wb_criu_run_init(struct wb_criu_run *r)
{
	*r = (struct wb_criu_run){.dir_fd = -1,
		.program = -1,
		.memory = -1,
		.images = -1,
		.listener = -1,
		.sock = -1,
		.shim = -1,
		.proc = -1,
		.outer = -1,
		.hook = -1,
		.ready = -1,
		.go = -1,
		.hook_ready = -1,
		.hook_go = -1,
		.pidfd = -1};
}

void wb_criu_run_deinit(struct wb_criu_run *r)
{
	int *fds[] = {&r->dir_fd, &r->program, &r->listener, &r->sock, &r->shim, &r->hook,
		&r->ready, &r->go, &r->hook_ready, &r->hook_go, &r->pidfd, &r->memory, &r->images,
		&r->proc, &r->outer};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		wb_criu_close(fds[i]);
	for (size_t i = 0; i < r->n_namespaces; i++)
		close(r->namespaces[i]);
	free(r->dir);
	free(r->inside);
}

int wb_criu_failed(struct wb_error *err, const char *what)
{
	int e = errno;

	return wb_fail(err, -e, "cannot %s: %s", what, strerror(e));
}

int wb_criu_open_program(struct wb_criu_run *r, const char *program, struct wb_error *err)
{
	if (program) {
		r->program = open(program, O_RDONLY | O_CLOEXEC);
		if (r->program < 0)
			return wb_fail(err, -errno, "cannot open %s: %s", program, strerror(errno));
		return 0;
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		r->program = open(programs[i], O_RDONLY | O_CLOEXEC);
		if (r->program >= 0)
			return 0;
	}
	return wb_fail(err, -ENOENT,
		"criu is not installed (there is no %s), and nothing can be kept without it",
		programs[0]);
}

static int make_dir(const char *path, struct wb_error *err)
{
	WB_CLEAN_STR dir = strdup(path);

	if (!dir)
		return wb_oom(err);
	for (char *p = dir + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return wb_fail(err, -errno, "cannot create %s: %s", dir, strerror(errno));
		if (!c)
			return 0;
		*p = c;
	}
}

/*
 * Images hold secrets, and logs may, too. So the directory belongs to root alone, even if another
 * user made it.
 */
int wb_criu_open_dir(struct wb_criu_run *r, const char *base, struct wb_error *err)
{
	struct stat st;
	int e;

	if (asprintf(&r->dir, "%s/%s", base ? base : WB_CRIU_DIR, r->unit) < 0) {
		r->dir = NULL;
		return wb_oom(err);
	}
	e = make_dir(r->dir, err);
	if (e < 0)
		return e;
	r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->dir_fd < 0 || fstat(r->dir_fd, &st) < 0)
		return wb_fail(err, -errno, "cannot open %s: %s", r->dir, strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & 0077))
		return wb_fail(err, -EPERM, "%s is open to others than root: remove it", r->dir);
	/* This link of /proc leads to the directory from every mount namespace. */
	if (asprintf(&r->inside, "/proc/self/fd/%d", r->dir_fd) < 0) {
		r->inside = NULL;
		return wb_oom(err);
	}
	return 0;
}

int wb_criu_listen(struct wb_criu_run *r, const char *name, struct wb_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	unlinkat(r->dir_fd, name, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", r->inside, name);
	r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->listener < 0 || bind(r->listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		listen(r->listener, 1) < 0)
		return wb_criu_failed(err, "make the socket for CRIU's images");
	return 0;
}

static void keep_open(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags >= 0)
		fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
}

/* From here on only system calls are safe, because the caller may have threads. */
static void child(const struct wb_criu_run *r, char *const *argv, char *const *env,
	const int *inherit, size_t n_inherit)
{
	sigset_t none;

	/*
	 * A key or a hangup of the terminal that ends this process must not kill a CRIU that holds
	 * a unit. CRIU lets go when it sees the closed pipes.
	 */
	if (r->apart)
		setsid();
	/* A restorer under a service manager must not pass ignored signals to its service. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	keep_open(r->dir_fd);
	keep_open(r->images);
	keep_open(r->proc);
	keep_open(r->outer);
	for (size_t i = 0; i < n_inherit; i++)
		keep_open(inherit[i]);
	for (size_t i = 0; i < r->n_namespaces; i++)
		if (setns(r->namespaces[i], 0) < 0)
			_exit(EXIT_SETNS);
	if (r->new_ipc && unshare(CLONE_NEWIPC) < 0)
		_exit(EXIT_SETNS);
	fexecve(r->program, argv, env);
	_exit(EXIT_EXEC);
}

int wb_criu_start(struct wb_criu_run *r, char *const *argv, char *const *env, const int *inherit,
	size_t n_inherit, struct wb_error *err)
{
	r->pid = fork();
	if (r->pid < 0)
		return wb_criu_failed(err, "start criu");
	if (r->pid == 0)
		child(r, argv, env, inherit, n_inherit);
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (r->pidfd < 0) {
		int e = wb_criu_failed(err, "watch criu");

		wb_kill_and_reap(r->pid, NULL);
		return e;
	}
	return 0;
}

/*
 * Wait for CRIU's end. -EIO: it had to be killed. Kill it only if nothing else helps, because a
 * task into which it has put code would run on in that code.
 */
int wb_criu_reap(struct wb_criu_run *r, int seconds, int *ret_status, struct wb_error *err)
{
	int e;

	e = wb_reap(r->pid, (unsigned)seconds * 1000, ret_status);
	if (e == -ETIME)
		wb_kill_and_reap(r->pid, ret_status);
	wb_criu_close(&r->pidfd);
	if (e != -ETIME)
		return e < 0 ? wb_fail(err, e, "cannot wait for criu: %s", strerror(-e)) : 0;
	return wb_fail(err, -EIO,
		"criu did not end within %d seconds and was killed; its log is %s/%s", seconds,
		r->dir, r->log);
}

static void read_log(const struct wb_criu_run *r, struct wb_blob *ret)
{
	WB_CLEAN_STR path = NULL;

	if (asprintf(&path, "%s/%s", r->dir, r->log) < 0)
		path = NULL;
	else
		r->sys->files->read(r->sys->files->ctx, path, LONGEST_LOG, ret, NULL);
}

/* The sentence for an exit that is a failure. */
int wb_criu_tell_exit(
	const struct wb_criu_run *r, int status, const char *what, struct wb_error *err)
{
	WB_CLEAN_BLOB log = {};
	char reason[300];

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SETNS)
		return wb_fail(err, -EREMOTEIO, "cannot enter the namespaces of %s", r->unit);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_EXEC)
		return wb_fail(err, -EREMOTEIO,
			"criu cannot be executed in the namespaces of %s: its libraries are "
			"missing there",
			r->unit);
	if (WIFSIGNALED(status))
		return wb_fail(err, -EREMOTEIO,
			"criu was killed by signal %d while it %s %s; its log is %s/%s",
			WTERMSIG(status), what, r->unit, r->dir, r->log);
	read_log(r, &log);
	wb_criu_reason(wb_blob_view(&log), reason, sizeof(reason));
	if (!*reason)
		return wb_fail(err, -EREMOTEIO,
			"criu gave up (%d) while it %s %s; its log is %s/%s", WEXITSTATUS(status),
			what, r->unit, r->dir, r->log);
	return wb_fail(err, -EREMOTEIO, "criu, while it %s %s: %s (its log is %s/%s)", what,
		r->unit, reason, r->dir, r->log);
}

/* Accept CRIU's connection. 0 with r->sock < 0: CRIU ended without one. */
int wb_criu_accept(struct wb_criu_run *r, struct wb_error *err)
{
	struct pollfd p[2] = {
		{.fd = r->listener, .events = POLLIN}, {.fd = r->pidfd, .events = POLLIN}};
	int n;

	do {
		n = poll(p, 2, r->timeout * 1000);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return wb_fail(err, -ETIMEDOUT, "criu did not begin within %d seconds", r->timeout);
	if (!p[0].revents)
		return 0;
	r->sock = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
	return r->sock < 0 ? wb_criu_failed(err, "talk to criu") : 0;
}

/* A step of this process failed: close the pipes, so that CRIU stops and lets the unit run on. */
int wb_criu_give_up(struct wb_criu_run *r, int e, struct wb_error *err)
{
	struct wb_error hung = {};
	int status;

	wb_criu_close(&r->sock);
	wb_criu_close(&r->listener);
	wb_criu_close(&r->go);
	if (wb_criu_reap(r, WB_CRIU_CURE_SECONDS, &status, &hung) < 0)
		return wb_fail(err, -EIO, "%s", hung.text);
	return e;
}
