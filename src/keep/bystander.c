// SPDX-License-Identifier: LGPL-2.1-or-later
/* A process for others to look at. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/hook.h"
#include "keep/bystander.h"
#include "sys/spawn.h"

#define START_MS 10000

/* The mount namespace comes last but one, since entering it changes /proc. In a user namespace, the others are no longer open. */
static int enter(const struct wb_ns_set *set)
{
	static const enum wb_ns order[] = {WB_NS_MNT, WB_NS_USER};

	for (size_t i = 0; set && i < sizeof(order) / sizeof(*order); i++) {
		int fd = wb_ns_to_enter(set, order[i]);

		if (fd >= 0 && setns(fd, 0) < 0)
			return -errno;
	}
	return 0;
}

/*
 * The groups are those of root's, or none. A user without rights in this process, as in a test, stays as it is. All
 * calls are system calls, since libc's would change the other threads of the caller.
 */
static int become(uid_t uid, gid_t gid)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {};

	(void)syscall(SYS_setgroups, 0, NULL);
	if (syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	/* Without this, root would gain capabilities again when it starts a program. */
	(void)prctl(PR_SET_SECUREBITS, 1 << 0 | 1 << 2, 0, 0, 0);
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

static void be(const struct wb_ns_set *set, uid_t uid, gid_t gid, int program, int end, int ready)
{
	static char *const argv[] = {"warmboot-bystander", NULL};
	static char *const env[] = {WB_HOOK_ACTION "=" WB_HOOK_STAND, NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Its user may look into it: it has neither the caller's terminal nor its session. */
	(void)setsid();
	/* Root's securebits and capabilities are changed first in the machine's user namespace. */
	if (enter(set) < 0 || become(uid, gid) < 0 || dup2(end, 0) < 0 || dup2(ready, 1) < 0 ||
		dup2(ready, 2) < 0 || dup2(program, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		_exit(1);
	syscall(SYS_close_range, 4, ~0u, 0);
	fexecve(3, argv, env);
	_exit(1);
}

/* The program says a byte when it can do nothing any more but wait. */
static int wait_ready(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;
	int n;

	do {
		n = poll(&p, 1, START_MS);
	} while (n < 0 && errno == EINTR);
	return n == 1 && read(fd, &c, 1) == 1 ? 0 : -ECHILD;
}

int wb_bystander_begin(const struct wb_sys *sys, const struct wb_ns_set *set, uid_t uid, gid_t gid,
	struct wb_bystander *ret)
{
	int end[2] = {-1, -1}, ready[2] = {-1, -1}, program, r;
	struct wb_bystander b = {.pid = -1, .end = -1, .uid = uid, .gid = gid};

	program = sys->memfd(
		sys->ctx, "warmboot-hook", (struct wb_bytes){wb_criu_hook, wb_criu_hook_size});
	if (program < 0)
		return program;
	r = pipe2(end, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0 ? -errno : 0;
	if (r == 0) {
		b.pid = fork();
		if (b.pid == 0)
			be(set, uid, gid, program, end[0], ready[1]);
		r = b.pid < 0 ? -errno : 0;
	}
	sys->close_fd(sys->ctx, program);
	for (size_t i = 0; i < 3; i++) {
		const int done[] = {end[0], ready[1], r < 0 ? end[1] : -1};

		if (done[i] >= 0)
			close(done[i]);
	}
	if (r == 0) {
		b.end = end[1];
		r = wait_ready(ready[0]);
		if (r < 0)
			wb_bystander_end(&b);
	}
	if (ready[0] >= 0)
		close(ready[0]);
	if (r == 0)
		*ret = b;
	return r;
}

void wb_bystander_end(struct wb_bystander *b)
{
	if (b->end >= 0)
		close(b->end);
	if (b->pid > 0)
		wb_kill_and_reap(b->pid, NULL);
	*b = (struct wb_bystander){.pid = -1, .end = -1};
}
