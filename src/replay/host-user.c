// SPDX-License-Identifier: LGPL-2.1-or-later
/* Starting this program as a user. Root's process reads a user's files in no other way. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/manager.h"
#include "sys/clock.h"

/* Descriptor of the program itself, behind input, output and messages. */
#define PROGRAM_FD 3

/*
 * Close everything that this process had open, such as its connection to PID 1. All of it is above
 * 9.
 */
static int keep_only(const int fds[4])
{
	for (int i = 0; i < PROGRAM_FD; i++)
		if (dup2(fds[i], i) < 0)
			return -errno;
	if (dup3(fds[PROGRAM_FD], PROGRAM_FD, O_CLOEXEC) < 0)
		return -errno;
	/* Every supported kernel has this call. */
	return close_range(PROGRAM_FD + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int become(uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	if (!pw)
		return -ENOENT;
	/* A controlling terminal gives the same access as a descriptor of it. */
	setsid();
	if (initgroups(pw->pw_name, pw->pw_gid) < 0 ||
		setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 || setresuid(uid, uid, uid) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static void reset(unsigned seconds)
{
	const struct rlimit none = {};
	sigset_t empty;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	setrlimit(RLIMIT_CORE, &none);
	umask(022);
	/* For the case that the parent, which has the same limit, is gone. */
	alarm(seconds + 5);
}

static void child(uint32_t uid, unsigned seconds, const struct wb_user_task *task, const int fds[4])
{
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", NULL};
	char number[16], end[24], text[160];
	char *const argv[] = {"warmboot", "as-user", (char *)task->name, number, end, NULL};
	int n, r = keep_only(fds);

	snprintf(number, sizeof(number), "%u", uid);
	snprintf(end, sizeof(end), "%" PRIu64, task->end);
	reset(seconds);
	if (r == 0)
		r = become(uid);
	if (r == 0 && chdir("/") < 0)
		r = -errno;
	if (r == 0) {
		execveat(PROGRAM_FD, "", argv, env, AT_EMPTY_PATH);
		r = -errno;
	}
	n = snprintf(text, sizeof(text), "-cannot take its rights: %s", strerror(-r));
	_exit(write(STDOUT_FILENO, text, (size_t)n) != n);
}

/* Move a descriptor above those for the program, so that dup2() overwrites none. */
static int raised(int fd)
{
	int high;

	if (fd < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	high = high < 0 ? -errno : high;
	close(fd);
	return high;
}

/*
 * Make the input a file and not a pipe, so that writing it needs no reader. It is read from its
 * beginning.
 */
static int make_input(struct wb_bytes input)
{
	int fd = memfd_create("warmboot-task", MFD_CLOEXEC);

	for (size_t at = 0; fd >= 0 && at < input.size;) {
		ssize_t n = pwrite(fd, input.data + at, input.size - at, (off_t)at);

		if (n <= 0) {
			close(fd);
			errno = n < 0 ? errno : EIO;
			return -1;
		}
		at += (size_t)n;
	}
	return fd;
}

static int start(uint32_t uid, unsigned seconds, const struct wb_user_task *task, const int fds[4],
	pid_t *ret)
{
	*ret = fork();
	if (*ret == 0)
		child(uid, seconds, task, fds);
	return *ret < 0 ? -errno : 0;
}

int wb_host_ask(void *ctx, uint32_t uid, unsigned seconds, const struct wb_user_task *task,
	struct wb_child *ret, struct wb_error *err)
{
	int pipe_fds[2], fds[4], r = 0;
	pid_t pid = -1;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return wb_fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	fds[0] = raised(make_input(task->input));
	fds[1] = raised(pipe_fds[1]);
	fds[2] = raised(open("/dev/null", O_RDWR | O_CLOEXEC));
	fds[3] = raised(open(ctx ? ctx : "/proc/self/exe", O_PATH | O_CLOEXEC));
	for (int i = 0; i < 4; i++)
		r = r == 0 && fds[i] < 0 ? fds[i] : r;
	if (r == 0)
		r = start(uid, seconds, task, fds, &pid);
	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (r < 0) {
		close(pipe_fds[0]);
		return wb_fail(err, r, "cannot make a process for user %u: %s", uid, strerror(-r));
	}
	*ret = (struct wb_child){
		uid, pid, pipe_fds[0], wb_now_ms() + 1000ll * seconds, WB_USER_LARGEST};
	return 0;
}
