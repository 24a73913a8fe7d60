// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real implementation of struct wb_replay_host. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/manager.h"
#include "sys/clock.h"
#include "sys/spawn.h"

static int real_open(void *ctx, int64_t uid, struct wb_manager *ret, struct wb_error *err)
{
	return wb_manager_open(uid, ret, err);
}

static int real_make_link(void *ctx, const char *target, const char *path)
{
	int r = wb_make_parents(path);

	if (r == 0 && symlink(target, path) < 0)
		r = -errno;
	return r;
}

static bool real_lingers(void *ctx, uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);
	char path[4096];

	/*
	 * logind(8) has one file for each lingering user. It escapes names as systemd-escape does,
	 * which does not change usual names.
	 */
	return pw &&
	       snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", pw->pw_name) <
		       sizeof(path) &&
	       access(path, F_OK) == 0;
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

/* The child. Its first byte says whether an answer or a sentence follows. */
static void child(unsigned seconds, wb_beside_job job, void *arg, int fd)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {};
	int r;

	/* For the case that the parent, which has the same limit, is gone. */
	alarm(seconds + 5);
	signal(SIGALRM, SIG_DFL);
	r = job(arg, &out, &err);
	write_all(fd, r < 0 ? "-" : "+", 1);
	if (r < 0)
		write_all(fd, err.text, strlen(err.text));
	else
		write_all(fd, out.data, out.size);
}

/* Read up to the end of file. -ETIMEDOUT, -EFBIG, … */
static int read_answer(int fd, int64_t end, size_t most, struct wb_blob *ret)
{
	char buf[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = end - wb_now_ms();
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
		/* The first byte is not part of the answer. */
		if (ret->size > most + 1)
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

static int real_begin(void *ctx, uint32_t uid, unsigned seconds, wb_beside_job job, void *arg,
	struct wb_child *ret, struct wb_error *err)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return wb_fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(seconds, job, arg, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return wb_fail(err, -errno, "cannot make a process: %s", strerror(errno));
	}
	*ret = (struct wb_child){
		uid, pid, fds[0], wb_now_ms() + 1000ll * seconds, WB_UNITS_LARGEST};
	return 0;
}

static int real_finish(void *ctx, struct wb_child *child, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB answer = {};
	int r = read_answer(child->fd, child->until, child->most, &answer);

	close(child->fd);
	/* The user may stop this process, but it must not live on. */
	wb_kill_and_reap(child->pid, NULL);
	if (r == -EFBIG)
		return wb_fail(err, r, "the process for user %" PRId64 " says more than %zu KiB",
			child->uid, child->most >> 10);
	if (r < 0)
		return wb_fail(err, r, "the process for user %" PRId64 " gave no answer: %s",
			child->uid, strerror(-r));
	return take_answer(&answer, (uint32_t)child->uid, ret, err);
}

struct wb_replay_host wb_replay_host_real(const struct wb_sys *sys, const char *program)
{
	return (struct wb_replay_host){
		.sys = sys,
		.ctx = (void *)program,
		.open = real_open,
		.make_link = real_make_link,
		.lingers = real_lingers,
		.ask = wb_host_ask,
		.begin = real_begin,
		.finish = real_finish,
	};
}
