// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Talking to CRIU's action script (hook.c), which waits for an answer while the tasks are frozen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "criu/hook.h"
#include "criu/run.h"

int wb_criu_make_hook(struct wb_criu_run *r, struct wb_error *err)
{
	int ready[2], go[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return wb_criu_failed(err, "make a pipe");
	r->ready = ready[0];
	r->hook_ready = ready[1];
	if (pipe2(go, O_CLOEXEC) < 0)
		return wb_criu_failed(err, "make a pipe");
	r->hook_go = go[0];
	r->go = go[1];
	r->hook = r->sys->memfd(
		r->sys->ctx, "warmboot-hook", (struct wb_bytes){wb_criu_hook, wb_criu_hook_size});
	if (r->hook < 0)
		return wb_fail(
			err, r->hook, "cannot make a file in memory: %s", strerror(-r->hook));
	return 0;
}

int wb_criu_fd_path(int fd, char **ret)
{
	if (asprintf(ret, "/proc/%d/fd/%d", (int)getpid(), fd) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

int wb_criu_hook_env(const struct wb_criu_run *r, struct wb_strv *env)
{
	int e = wb_strv_addf(env, "%s=/proc/%d/fd/%d", WB_HOOK_READY, (int)getpid(), r->hook_ready);

	return e < 0 ? e
		     : wb_strv_addf(
			       env, "%s=/proc/%d/fd/%d", WB_HOOK_GO, (int)getpid(), r->hook_go);
}

bool wb_criu_hook_ready(const struct wb_criu_run *r, int seconds)
{
	struct pollfd p[2] = {
		{.fd = r->ready, .events = POLLIN}, {.fd = r->pidfd, .events = POLLIN}};
	char c;
	int n;

	do {
		n = poll(p, 2, seconds * 1000);
	} while (n < 0 && errno == EINTR);
	return n > 0 && p[0].revents & POLLIN && read(r->ready, &c, 1) == 1;
}

int wb_criu_hook_go_on(struct wb_criu_run *r, struct wb_error *err)
{
	static const char yes = WB_HOOK_YES;

	return write(r->go, &yes, 1) == 1 ? 0 : wb_criu_failed(err, "tell criu to go on");
}
