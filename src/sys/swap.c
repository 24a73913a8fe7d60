// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch/inject.h"
#include "sys/swap.h"

#define STOP_SECONDS 2

struct tracee {
	pid_t pid;
	struct wb_inject inject;
	uint64_t mask; /* of blocked signals */
	bool masked, begun;
};

/* Its next stop; the status, or a negative errno. */
static int wait_stop(pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 200 * 1000};
	int status;

	for (int i = 0; i < STOP_SECONDS * 5000; i++) {
		pid_t got = waitpid(pid, &status, __WALL | WNOHANG);

		if (got < 0)
			return -errno;
		if (got == pid)
			return WIFSTOPPED(status) ? status : -ESRCH;
		nanosleep(&pause, NULL);
	}
	return -ETIME;
}

/* Stop it where it is. What a signal has to say meanwhile, it says. */
static int stop(struct tracee *t)
{
	const long options = PTRACE_O_TRACESYSGOOD;

	/* Its own filter must not judge our system calls; without the right to that, it does. */
	if (ptrace(PTRACE_SEIZE, t->pid, 0, options | PTRACE_O_SUSPEND_SECCOMP) < 0 &&
		ptrace(PTRACE_SEIZE, t->pid, 0, options) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, t->pid, 0, 0) < 0)
		return -errno;
	for (int i = 0; i < 16; i++) {
		int status = wait_stop(t->pid);

		if (status < 0)
			return status;
		if (status >> 16 == PTRACE_EVENT_STOP)
			return WSTOPSIG(status) == SIGTRAP ? 0 : -EBUSY;
		if (ptrace(PTRACE_CONT, t->pid, 0, (long)WSTOPSIG(status)) < 0)
			return -errno;
	}
	return -EBUSY;
}

static int begin(struct tracee *t)
{
	const uint64_t all = ~0ull;
	int r = stop(t);

	if (r < 0)
		return r;
	if (ptrace(PTRACE_GETSIGMASK, t->pid, sizeof(t->mask), &t->mask) < 0 ||
		ptrace(PTRACE_SETSIGMASK, t->pid, sizeof(all), &all) < 0)
		return -errno;
	t->masked = true;
	r = wb_inject_begin(t->pid, &t->inject);
	t->begun = r == 0;
	return r;
}

static void end(struct tracee *t)
{
	if (t->begun)
		wb_inject_end(&t->inject);
	if (t->masked)
		ptrace(PTRACE_SETSIGMASK, t->pid, sizeof(t->mask), &t->mask);
	ptrace(PTRACE_DETACH, t->pid, 0, 0);
}

/* Have it make one system call. Its result, or -EIO when it was not made. */
static long call(struct tracee *t, long number, uint64_t a, uint64_t b, uint64_t c)
{
	long result;

	if (wb_inject_call(&t->inject, number, a, b, c) < 0)
		return -EIO;
	/* Its entry, then its exit. */
	for (int i = 0; i < 2; i++) {
		int status;

		if (ptrace(PTRACE_SYSCALL, t->pid, 0, 0) < 0)
			return -EIO;
		status = wait_stop(t->pid);
		if (status < 0 || WSTOPSIG(status) != (SIGTRAP | 0x80))
			return -EIO;
	}
	return wb_inject_result(&t->inject, &result) < 0 ? -EIO : result;
}

/* ---- handing a file over ---- */

static int send_file(int peer, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(peer, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* What recvmsg(2) is called with, as it lies in the process. */
struct letter {
	struct msghdr msg;
	struct iovec iov;
	char byte, pad[15];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static int receive_file(struct tracee *t, int from, int *ret)
{
	uint64_t at = wb_inject_scratch(&t->inject, sizeof(struct letter));
	struct letter letter = {};
	struct iovec local = {&letter, sizeof(letter)}, remote = {(void *)at, sizeof(letter)};
	long r;

	letter.msg.msg_iov = (void *)(at + offsetof(struct letter, iov));
	letter.msg.msg_iovlen = 1;
	letter.msg.msg_control = (void *)(at + offsetof(struct letter, control));
	letter.msg.msg_controllen = sizeof(letter.control);
	letter.iov = (struct iovec){(void *)(at + offsetof(struct letter, byte)), 1};
	if (process_vm_writev(t->pid, &local, 1, &remote, 1, 0) != (ssize_t)sizeof(letter))
		return -EFAULT;
	r = call(t, SYS_recvmsg, (uint64_t)from, at, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (r < 0)
		return (int)r;
	if (process_vm_readv(t->pid, &local, 1, &remote, 1, 0) != (ssize_t)sizeof(letter))
		return -EFAULT;
	if (letter.control.head.cmsg_level != SOL_SOCKET ||
		letter.control.head.cmsg_type != SCM_RIGHTS)
		return -EIO;
	memcpy(ret, CMSG_DATA(&letter.control.head), sizeof(*ret));
	return 0;
}

/* ---- which descriptors ---- */

struct place {
	int fd;
	bool cloexec;
};

static bool is_cloexec(int64_t pid, int fd)
{
	char path[64], line[64];
	unsigned long flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lld/fdinfo/%d", (long long)pid, fd);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %lo", &flags) == 1)
			break;
	fclose(f);
	return flags & O_CLOEXEC;
}

static size_t find_places(int64_t pid, int64_t inode, struct place *ret, size_t most)
{
	char path[64], want[64], link[64];
	size_t n = 0;
	DIR *d;

	snprintf(want, sizeof(want), "socket:[%lld]", (long long)inode);
	snprintf(path, sizeof(path), "/proc/%lld/fd", (long long)pid);
	d = opendir(path);
	for (struct dirent *e; d && n < most && (e = readdir(d));) {
		ssize_t len = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);

		if (len <= 0)
			continue;
		link[len] = 0;
		if (strcmp(link, want))
			continue;
		ret[n].fd = atoi(e->d_name);
		ret[n].cloexec = is_cloexec(pid, ret[n].fd);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static int replace(struct tracee *t, const struct place *places, size_t n, int peer, int fd)
{
	int new_fd = -1, r = send_file(peer, fd);

	if (r == 0)
		r = receive_file(t, places[0].fd, &new_fd);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = (int)call(t, SYS_dup3, (uint64_t)new_fd, (uint64_t)places[i].fd,
			places[i].cloexec ? O_CLOEXEC : 0);
	if (new_fd >= 0)
		call(t, SYS_close, (uint64_t)new_fd, 0, 0);
	return r < 0 ? r : (int)n;
}

int wb_swap_fds(int64_t pid, int64_t inode, int peer, int fd, struct wb_error *err)
{
	struct tracee t = {.pid = (pid_t)pid};
	struct place places[64];
	size_t n = find_places(pid, inode, places, sizeof(places) / sizeof(*places));
	int r;

	if (!n)
		return 0;
	r = begin(&t);
	if (r == 0)
		r = replace(&t, places, n, peer, fd);
	end(&t);
	if (r < 0)
		return wb_fail(err, r, "cannot replace the output of process %lld: %s",
			(long long)pid, strerror(-r));
	return r;
}
