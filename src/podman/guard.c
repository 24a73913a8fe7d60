// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A guard for a container that stands still. CRIU lets the processes of a dump go on if its caller dies, but a control
 * group that is frozen stays so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "podman/run.h"
#include "sys/below.h"
#include "sys/spawn.h"

/* The descriptors of the guard. It closes all others: it would keep the pipes of other threads open. */
enum { TALK = 3, FREEZE, NETWORK, RULES, ABOVE };
#define FIRST_FREE 64

#define END_MS 5000

const char wb_podman_no_rules[] = "table inet warmboot\ndelete table inet warmboot\n";

/* Only system calls: it runs in a child of a process with threads. */
static void watch(void)
{
	static const char *const argv[] = {
		"nsenter", "--net=/proc/self/fd/5", "nft", "-f", "/proc/self/fd/6", NULL};
	ssize_t n;
	char word;

	do
		n = read(TALK, &word, 1);
	while (n < 0 && errno == EINTR);
	/* A word: there is nothing to guard any more. No word: the other process is gone. */
	if (n == 1)
		_exit(0);
	n = write(FREEZE, "0", 1);
	if (fcntl(NETWORK, F_GETFD) >= 0)
		execvp(*argv, (char *const *)argv);
	_exit(n == 1 ? 0 : 1);
}

static void become_guard(const int fds[ABOVE - TALK])
{
	int high[ABOVE - TALK];
	sigset_t all;

	/* The guard outlives a signal that ends the other process, such as an interrupt from its terminal. */
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* Out of the way of their new numbers first. */
	for (int i = 0; i < ABOVE - TALK; i++)
		high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD, FIRST_FREE);
	for (int i = 0; i < ABOVE - TALK; i++)
		if (high[i] < 0 || dup2(high[i], TALK + i) < 0)
			close(TALK + i);
	close_range(ABOVE, ~0u, 0);
	watch();
}

static int rules_file(void)
{
	int fd = memfd_create("warmboot-rules", MFD_CLOEXEC);
	size_t n = strlen(wb_podman_no_rules);

	if (fd >= 0 && write(fd, wb_podman_no_rules, n) != (ssize_t)n) {
		close(fd);
		return -1;
	}
	return fd;
}

int wb_podman_guard_begin(struct wb_podman_guard *g, int group, int network, struct wb_error *err)
{
	WB_CLEAN_FD freeze = openat(group, "cgroup.freeze", O_WRONLY | O_CLOEXEC);
	WB_CLEAN_FD rules = rules_file();
	int ends[2];

	if (freeze < 0 || rules < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return wb_fail(err, -errno, "cannot guard its container: %s", strerror(errno));
	g->pid = fork();
	if (g->pid == 0)
		become_guard((const int[]){ends[0], freeze, network, rules});
	close(ends[0]);
	g->talk = ends[1];
	if (g->pid > 0)
		return 0;
	close(g->talk);
	g->talk = -1;
	return wb_fail(err, -EAGAIN, "cannot begin a process that guards its container");
}

void wb_podman_guard_end(struct wb_podman_guard *g)
{
	if (g->talk < 0)
		return;
	if (send(g->talk, "e", 1, MSG_NOSIGNAL) != 1)
		kill(g->pid, SIGKILL);
	close(g->talk);
	g->talk = -1;
	wb_reap(g->pid, END_MS, NULL);
}
