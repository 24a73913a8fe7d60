// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The child waits on a socket: a byte means success, the end of the file means that the parent
 * died.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/guard.h"
#include "sys/spawn.h"

/* The child has only to exit. */
#define ENDS_MS 5000

static void watch(int fd, void (*undo)(void *arg), void *arg)
{
	sigset_t all;
	char byte;
	ssize_t n;

	/* Leave the session, so that a Ctrl-C or the end of a login does not reach it. */
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

struct wb_guard wb_guard_begin(void (*undo)(void *arg), void *arg)
{
	struct wb_guard g = {-1, -1};
	int fds[2];

	/* Work without a guard: only the undo after a kill is missing. */
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

void wb_guard_end(struct wb_guard *g)
{
	if (g->fd < 0)
		return;
	/*
	 * Send a byte, because a close without one means that this process died. The child may have
	 * been killed, so there must be no SIGPIPE.
	 */
	while (send(g->fd, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	close(g->fd);
	if (wb_reap(g->pid, ENDS_MS, NULL) == -ETIME)
		wb_kill_and_reap(g->pid, NULL);
	*g = (struct wb_guard){-1, -1};
}
