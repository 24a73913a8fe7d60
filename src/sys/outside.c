// SPDX-License-Identifier: LGPL-2.1-or-later
/* A child in PID 1's control groups that opens a file and passes the descriptor back. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/outside.h"
#include "sys/spawn.h"

/* The child only opens one file, so it gets no more time than this. */
#define OPEN_MS 10000

/*
 * The text has "0::/init.scope" for version 2 and "5:devices:/init.scope" for version 1
 * (cgroups(7)).
 */
int wb_groups_of(const char *text, char (*ret)[WB_GROUP_PATH], int most)
{
	static const struct {
		const char *prefix, *mount;
	} kinds[] = {{"::", "/sys/fs/cgroup"}, {":devices:", "/sys/fs/cgroup/devices"}};
	int n = 0;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		const char *rest = text + strspn(text, "0123456789");
		size_t len = strcspn(rest, "\n");

		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds) && n < most; k++) {
			size_t skip = strlen(kinds[k].prefix);

			if (len <= skip || strncmp(rest, kinds[k].prefix, skip) ||
				rest[skip] != '/')
				continue;
			if (snprintf(ret[n], WB_GROUP_PATH, "%s%.*s/cgroup.procs", kinds[k].mount,
				    (int)(len - skip), rest + skip) < WB_GROUP_PATH)
				n++;
		}
	}
	return n;
}

static void enter(const char *group)
{
	int fd = open(group, O_WRONLY | O_CLOEXEC);
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	if (fd < 0)
		return;
	/* If entering is refused, the error of open(2) shows that. */
	if (write(fd, pid, (size_t)n) < 0)
		errno = 0;
	close(fd);
}

/* The answer of the child: an errno, or 0 and the file. */
struct answer {
	int error;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static struct msghdr message(struct answer *a, struct iovec *iov)
{
	*iov = (struct iovec){&a->error, sizeof(a->error)};
	return (struct msghdr){.msg_iov = iov,
		.msg_iovlen = 1,
		.msg_control = &a->control,
		.msg_controllen = sizeof(a->control)};
}

static void say(int to, int fd)
{
	struct answer a = {.error = fd < 0 ? errno : 0};
	struct iovec iov;
	struct msghdr m = message(&a, &iov);

	a.control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(fd))};
	memcpy(CMSG_DATA(&a.control.head), &fd, sizeof(fd));
	if (fd < 0)
		m.msg_controllen = 0;
	sendmsg(to, &m, MSG_NOSIGNAL);
}

static int hear(int from)
{
	struct answer a = {};
	struct iovec iov;
	struct msghdr m = message(&a, &iov);
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	while ((n = recvmsg(from, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n != sizeof(a.error))
		return -EIO;
	if (a.error)
		return -a.error;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -EIO;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

int wb_open_in_groups(const char (*groups)[WB_GROUP_PATH], int n, const char *path, int flags)
{
	const struct timeval longest = {.tv_sec = OPEN_MS / 1000};
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < n; i++)
			enter(groups[i]);
		say(pair[1], open(path, flags | O_CLOEXEC));
		_exit(0);
	}
	r = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (r == 0)
		r = hear(pair[0]);
	close(pair[0]);
	if (pid > 0)
		wb_kill_and_reap(pid, NULL);
	return r;
}

int wb_open_outside(const char *path, int flags)
{
	char groups[4][WB_GROUP_PATH], text[4096];
	int fd = open("/proc/1/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return wb_open_in_groups(groups, wb_groups_of(text, groups, 4), path, flags);
}
