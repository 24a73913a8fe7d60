// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running a program with a deadline, and collecting its output. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/spawn.h"

/* Exit status of a child that did not become the program; its errno comes through the pipe. */
#define NOT_STARTED 127

#define PAUSE_MS 20
/* A killed process ends at once, unless the kernel waits for a device on its behalf. */
#define KILLED_MS 2000
/* Enough reads for the largest pipe that a program gets without asking (64 KiB). */
#define PIPE_READS 64

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

/* Make only calls that are safe between fork() and exec() in a program with threads. */
static void child(const struct wb_spawn *how, int in, int out, int messages, int failed)
{
	sigset_t none;
	int e;

	/* The deadline kills the whole process group. */
	setpgid(0, 0);
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

/*
 * Collect output. Of messages the end is kept, where programs name their error. Data is complete or
 * an error.
 */
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

/* Has the child ended? 1 yes, 0 not yet. */
static int has_ended(pid_t pid, int *ret_status)
{
	int status;
	pid_t got = waitpid(pid, &status, WNOHANG);

	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	if (got == pid && ret_status)
		*ret_status = status;
	return got == pid;
}

int wb_reap(pid_t pid, unsigned ms, int *ret_status)
{
	CLEAN_FD pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	long end = now_ms() + (long)ms;

	for (;;) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		long left = end - now_ms();
		int r = has_ended(pid, ret_status);

		if (r != 0)
			return r < 0 ? r : 0;
		if (left <= 0)
			return -ETIME;
		/* Kernels before 5.3 have no pidfd to wait for. */
		poll(&p, 1, pidfd >= 0 ? (int)left : left > PAUSE_MS ? PAUSE_MS : (int)left);
	}
}

int wb_kill_and_reap(pid_t pid, int *ret_status)
{
	kill(pid, SIGKILL);
	return wb_reap(pid, KILLED_MS, ret_status);
}

/*
 * Wait until the program has closed its output and ended. A grandchild can keep the output open and
 * go on printing: the program's own output is in the pipe by then.
 */
static int attend(pid_t pid, const struct wb_spawn *how, int out, struct wb_blob *output,
	int *ret_status, bool *ret_ended)
{
	long end = now_ms() + (how->deadline_ms ? how->deadline_ms : WB_SPAWN_LONGEST_MS);
	bool open = out >= 0, ended = false;

	*ret_ended = false;
	for (int rest = PIPE_READS; rest;) {
		struct pollfd p = {.fd = open ? out : -1, .events = POLLIN};
		int r = ended ? 1 : has_ended(pid, ret_status);

		if (r < 0)
			return r;
		ended = *ret_ended = r;
		if (!ended && now_ms() > end)
			return -ETIME;
		rest -= ended;
		r = poll(&p, 1, ended ? 0 : PAUSE_MS);
		if (r <= 0 && ended)
			return 0;
		if (r <= 0)
			continue;
		r = collect(out, how->data_limit, output);
		if (r < 0)
			return r;
		open = r > 0;
	}
	return 0;
}

static int write_input(struct wb_bytes input)
{
	/* A file and not a pipe, so that writing input of any size needs no reader. */
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

/* Replace the data by the messages on standard error. */
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
	bool ended;
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
	/*
	 * Both the parent and the child do this, so the group exists before anything could kill it.
	 */
	if (pid > 0)
		setpgid(pid, pid);
	close(out[1]);
	close(failed[1]);
	if (pid < 0)
		return wb_fail(err, -EAGAIN, "cannot start %s: %s", how->argv[0], strerror(errno));
	r = attend(pid, how, out_read, &output, &status, &ended);
	if (r < 0 && !ended) {
		kill(-pid, SIGKILL);
		wb_kill_and_reap(pid, &status);
	}
	if (r == -ETIME)
		return wb_fail(err, r, "%s did not end within %ld s and was killed", how->argv[0],
			(how->deadline_ms ? how->deadline_ms : WB_SPAWN_LONGEST_MS) / 1000);
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
