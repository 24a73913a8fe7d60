// SPDX-License-Identifier: LGPL-2.1-or-later
/* The machine behind struct wb_replay_host. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "replay/bus.h"
#include "replay/manager.h"

static int real_open(void *ctx, int64_t uid, struct wb_manager *ret, struct wb_error *err)
{
	return wb_manager_open_bus(uid, ret, err);
}

/* mkdir -p of everything before the last slash. */
static int make_parents(const char *path)
{
	WB_CLEAN_STR dir = strdup(path);

	if (!dir)
		return -ENOMEM;
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

static int real_make_link(void *ctx, const char *target, const char *path)
{
	int r = make_parents(path);

	if (r == 0 && symlink(target, path) < 0)
		r = -errno;
	return r;
}

static bool real_lingers(void *ctx, uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);
	char path[4096];

	/* logind(8) keeps one file for each who lingers; it escapes names as systemd-escape does,
	 * which leaves the usual ones as they are. */
	return pw &&
	       snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", pw->pw_name) <
		       sizeof(path) &&
	       access(path, F_OK) == 0;
}

static int become(uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	if (!pw)
		return -ENOENT;
	if (initgroups(pw->pw_name, pw->pw_gid) < 0 ||
		setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static void write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return;
		p += put;
		n -= (size_t)put;
	}
}

/* Nothing that this process had open, to PID 1 for one, is the user's. */
static int keep_only(int *fd)
{
	if (*fd != 3 && dup3(*fd, 3, O_CLOEXEC) < 0)
		return -errno;
	*fd = 3;
	/* A kernel that cannot do it is older than any that is supported. */
	return close_range(4, ~0u, 0) < 0 ? -errno : 0;
}

/* The child: its first byte says whether an answer or a sentence follows. uid -1: as this one. */
static void child(int64_t uid, unsigned seconds, wb_user_job job, void *arg, int fd)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {};
	int r;

	/* Only if the parent, which has the same limit, is gone. */
	alarm(seconds + 5);
	signal(SIGALRM, SIG_DFL);
	r = uid < 0 ? 0 : keep_only(&fd);
	if (r == 0 && uid >= 0)
		r = become((uint32_t)uid);
	if (r < 0)
		wb_fail(&err, r, "cannot take its rights: %s", strerror(-r));
	else
		r = job(arg, &out, &err);
	write_all(fd, r < 0 ? "-" : "+", 1);
	if (r < 0)
		write_all(fd, err.text, strlen(err.text));
	else
		write_all(fd, out.data, out.size);
}

static int64_t now_ms(void)
{
	struct timespec ts = {};

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Up to the end of file. -ETIMEDOUT, -EFBIG, … */
static int read_answer(int fd, int64_t end, struct wb_blob *ret)
{
	char buf[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = end - now_ms();
		ssize_t got;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (!p.revents)
			continue;
		got = read(fd, buf, sizeof(buf));
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return 0;
		if (got > 0 && wb_blob_append(ret, buf, (size_t)got) < 0)
			return -ENOMEM;
		if (ret->size > WB_UNITS_LARGEST)
			return -EFBIG;
	}
}

static int take_answer(
	const struct wb_blob *blob, uint32_t uid, struct wb_blob *ret, struct wb_error *err)
{
	if (!blob->size)
		return wb_fail(err, -EIO, "the process for user %u ended without an answer", uid);
	if (blob->data[0] != '+')
		return wb_fail(err, -EIO, "%.*s", (int)(blob->size < 400 ? blob->size - 1 : 400),
			(const char *)blob->data + 1);
	return wb_blob_append(ret, blob->data + 1, blob->size - 1) < 0 ? wb_oom(err) : 0;
}

/* rights: of which user; -1: of this process. */
static int begin(uint32_t uid, int64_t rights, unsigned seconds, wb_user_job job, void *arg,
	struct wb_child *ret, struct wb_error *err)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return wb_fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(rights, seconds, job, arg, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return wb_fail(err, -errno, "cannot make a process: %s", strerror(errno));
	}
	*ret = (struct wb_child){uid, pid, fds[0], now_ms() + 1000ll * seconds};
	return 0;
}

static int real_begin(void *ctx, uint32_t uid, unsigned seconds, wb_user_job job, void *arg,
	struct wb_child *ret, struct wb_error *err)
{
	return begin(uid, -1, seconds, job, arg, ret, err);
}

static int real_finish(void *ctx, struct wb_child *child, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB answer = {};
	int r = read_answer(child->fd, child->until, &answer);

	close(child->fd);
	/* It may be the user's to stop, but not to live on. */
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return wb_fail(err, r, "the process for user %" PRId64 " gave no answer: %s",
			child->uid, strerror(-r));
	return take_answer(&answer, (uint32_t)child->uid, ret, err);
}

static int real_as_user(void *ctx, uint32_t uid, unsigned seconds, wb_user_job job, void *arg,
	struct wb_blob *ret, struct wb_error *err)
{
	struct wb_child child;
	int r = begin(uid, uid, seconds, job, arg, &child, err);

	return r < 0 ? r : real_finish(ctx, &child, ret, err);
}

struct wb_replay_host wb_replay_host_real(const struct wb_sys *sys)
{
	return (struct wb_replay_host){
		.sys = sys,
		.open = real_open,
		.make_link = real_make_link,
		.lingers = real_lingers,
		.as_user = real_as_user,
		.begin = real_begin,
		.finish = real_finish,
	};
}
