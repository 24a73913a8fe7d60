// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/guard.h"

static void watch(int fd, void (*undo)(void *arg), void *arg)
{
	sigset_t all;
	char byte;
	ssize_t n;

	/* Not of the session that a Ctrl-C or the end of a login goes to. */
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		undo(arg);
	_exit(0);
}

struct cmd_guard cmd_guard_begin(void (*undo)(void *arg), void *arg)
{
	struct cmd_guard g = {-1, -1};
	int fds[2];

	/* Without it the work can go on; it only has nobody to clear up after it. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return g;
	g.pid = fork();
	if (g.pid == 0) {
		close(fds[1]);
		watch(fds[0], undo, arg);
	}
	close(fds[0]);
	if (g.pid < 0)
		close(fds[1]);
	else
		g.fd = fds[1];
	return g;
}

void cmd_guard_end(struct cmd_guard *g)
{
	if (g->fd < 0)
		return;
	/*
	 * Closed without a byte would be the end of a process that could not say so. No SIGPIPE: it may
	 * have been killed itself.
	 */
	while (send(g->fd, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	close(g->fd);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*g = (struct cmd_guard){-1, -1};
}
