// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/spawn.h"

/* Exit statuses of a child that never became the program; the errno comes through the pipe. */
#define NOT_STARTED 127

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLEAN_FD __attribute__((cleanup(close_fd))) int

/* Only calls that are safe between fork() and exec() in a program with threads. */
static void child(const struct wb_spawn *how, int in, int out, int messages, int failed)
{
	sigset_t none;
	int e;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (how->mount_ns > 0 && setns(how->mount_ns, CLONE_NEWNS) < 0)
		goto fail;
	if (chdir(how->dir ? how->dir : "/") < 0 || dup2(in, 0) < 0)
		goto fail;
	if (!how->keep_output && (dup2(out, 1) < 0 || dup2(messages, 2) < 0))
		goto fail;
	for (size_t i = 0; i < how->n_fds; i++) {
		int ours = how->fds[i][0], its = how->fds[i][1];

		/* dup2() onto itself would leave it close-on-exec. */
		if (ours == its ? fcntl(its, F_SETFD, 0) < 0 : dup2(ours, its) < 0)
			goto fail;
	}
	execvp(how->argv[0], (char *const *)how->argv);
fail:
	e = errno;
	while (write(failed, &e, sizeof(e)) < 0 && errno == EINTR)
		;
	_exit(NOT_STARTED);
}

/* Of messages keep the end: that is where programs say what went wrong. Data is whole or none. */
static int collect(int fd, size_t data_limit, struct wb_blob *output)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN) ? 1 : 0;
	if (data_limit && output->size + (size_t)n > data_limit)
		return -EFBIG;
	if (!data_limit && output->size + (size_t)n > WB_SPAWN_OUTPUT) {
		size_t half = output->size / 2;

		memmove(output->data, output->data + half, output->size - half);
		output->size -= half;
	}
	return wb_blob_append(output, buf, (size_t)n) < 0 ? -ENOMEM : 1;
}

static int reap(pid_t pid, int *ret_status)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Until the program has closed its output and ended. A grandchild may hold the output open. */
static int attend(
	pid_t pid, const struct wb_spawn *how, int out, struct wb_blob *output, int *ret_status)
{
	long end = now_ms() + how->deadline_ms;
	bool open = out >= 0, ended = false;

	for (;;) {
		struct pollfd p = {.fd = open ? out : -1, .events = POLLIN};
		pid_t done = ended ? pid : waitpid(pid, ret_status, WNOHANG);
		int r;

		if (done < 0 && errno != EINTR)
			return -errno;
		ended = done == pid;
		r = poll(&p, 1, ended ? 0 : 20);

		if (r > 0) {
			r = collect(out, how->data_limit, output);
			if (r < 0)
				return r;
			open = r > 0;
			continue;
		}
		if (ended)
			return 0;
		if (how->deadline_ms && now_ms() > end)
			return -ETIME;
	}
}

static int write_input(struct wb_bytes input)
{
	/* A file and not a pipe: whatever its size, nobody has to wait for a reader. */
	int fd = memfd_create("warmboot-input", MFD_CLOEXEC);

	for (size_t at = 0; fd >= 0 && at < input.size;) {
		ssize_t n = write(fd, input.data + at, input.size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			close(fd);
			return (int)n;
		}
		at += (size_t)n;
	}
	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* What a program whose output is data said beside it, in the data's place. */
static int read_messages(int fd, struct wb_blob *output)
{
	off_t end = lseek(fd, 0, SEEK_END);
	int r = 1;

	wb_blob_deinit(output);
	if (end < 0 || lseek(fd, end > WB_SPAWN_OUTPUT ? end - WB_SPAWN_OUTPUT : 0, SEEK_SET) < 0)
		return -errno;
	while (r > 0)
		r = collect(fd, 0, output);
	return r;
}

int wb_spawn(const struct wb_spawn *how, struct wb_blob *ret_output, struct wb_error *err)
{
	CLEAN_FD in =
		how->input.size ? write_input(how->input) : open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out[2] = {-1, -1}, failed[2] = {-1, -1}, status = 0, e = 0, r;
	WB_CLEAN_BLOB output = {};
	pid_t pid;

	if (in < 0)
		return wb_fail(err, -EIO, "cannot prepare the input of %s", how->argv[0]);
	if (pipe2(out, O_CLOEXEC) < 0)
		return wb_fail(err, -errno, "no pipe for %s: %s", how->argv[0], strerror(errno));
	CLEAN_FD out_read = out[0];
	if (pipe2(failed, O_CLOEXEC) < 0) {
		close(out[1]);
		return wb_fail(err, -errno, "no pipe for %s: %s", how->argv[0], strerror(errno));
	}
	CLEAN_FD failed_read = failed[0];
	CLEAN_FD messages = how->data_limit ? memfd_create("warmboot-messages", MFD_CLOEXEC) : -1;
	pid = how->data_limit && messages < 0 ? -1 : fork();
	if (pid == 0)
		child(how, in, out[1], how->data_limit ? messages : out[1], failed[1]);
	close(out[1]);
	close(failed[1]);
	if (pid < 0)
		return wb_fail(err, -EAGAIN, "cannot start %s: %s", how->argv[0], strerror(errno));
	r = attend(pid, how, out_read, &output, &status);
	if (r < 0) {
		kill(pid, SIGKILL);
		reap(pid, &status);
	}
	if (r == -ETIME)
		return wb_fail(err, r, "%s did not end within %ld s and was killed", how->argv[0],
			how->deadline_ms / 1000);
	if (r == -EFBIG)
		return wb_fail(err, r, "%s printed more than the %zu bytes that are taken from it",
			how->argv[0], how->data_limit);
	if (r < 0)
		return wb_fail(err, r, "%s: %s", how->argv[0], strerror(-r));
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED &&
		read(failed_read, &e, sizeof(e)) == sizeof(e))
		return wb_fail(err, -e, "cannot run %s: %s", how->argv[0], strerror(e));
	if (!WIFEXITED(status))
		return wb_fail(err, -EINTR, "%s was ended by signal %d (%s)", how->argv[0],
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (how->data_limit && WEXITSTATUS(status))
		r = read_messages(messages, &output);
	if (r < 0)
		return wb_fail(err, r, "%s: %s", how->argv[0], strerror(-r));
	if (ret_output) {
		if (wb_blob_append(&output, "", 1) < 0)
			return wb_oom(err);
		output.size--;
		*ret_output = wb_blob_take(&output);
	}
	return WEXITSTATUS(status);
}

int wb_spawn_ok(const struct wb_spawn *how, struct wb_error *err)
{
	WB_CLEAN_BLOB output = {};
	const char *text, *line;
	size_t n;
	int r = wb_spawn(how, &output, err);

	if (r <= 0)
		return r;
	text = output.data ? (const char *)output.data : "";
	for (n = strlen(text); n && text[n - 1] == '\n';)
		n--;
	line = memrchr(text, '\n', n);
	line = line ? line + 1 : text;
	return wb_fail(err, -EIO, "%s failed (exit status %d)%s%.*s", how->argv[0], r,
		n ? ": " : "", (int)(text + n - line), line);
}
