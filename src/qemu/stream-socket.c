// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bytes of a guest's stream through a socket, and that socket in another process. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "qemu/stream-socket.h"
#include "sys/below.h"
#include "sys/clock.h"

#define WIDE (4 << 20)

int wb_qemu_socket_pair(int *ret_own, int *ret_peer, struct wb_error *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return wb_fail(err, -errno, "cannot make a socket: %s", strerror(errno));
	*ret_own = ends[0];
	*ret_peer = ends[1];
	return 0;
}

int wb_qemu_socket_give(struct wb_qmp *q, const char *name, int fd, struct wb_error *err)
{
	return wb_qmp_call_with(q, "getfd", json_pack("{s:s}", "fdname", name), fd, NULL, err);
}

void wb_qemu_socket_take_back(struct wb_qmp *q, const char *name)
{
	wb_qmp_call(q, "closefd", json_pack("{s:s}", "fdname", name), NULL, NULL);
}

void wb_qemu_socket_widen(int fd)
{
	int bytes = WIDE;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

/* ---- bytes ---- */

static int wait_for(int fd, short events, int timeout_ms, struct wb_error *err)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return wb_fail(err, -errno, "cannot wait for QEMU: %s", strerror(errno));
	return n ? 0 : wb_fail(err, -ETIMEDOUT, "QEMU's migration stands still");
}

ssize_t wb_qemu_socket_read(
	int fd, const struct wb_room *room, uint64_t most, int timeout_ms, struct wb_error *err)
{
	int64_t end_ms = wb_now_ms() + timeout_ms;
	size_t space;
	uint8_t *to;
	ssize_t n;
	int r = room->space(room->ctx, &to, &space, err);

	/* QEMU has the socket, too, and may have taken what was there. */
	do {
		int64_t left = end_ms - wb_now_ms();

		if (r == 0)
			r = wait_for(fd, POLLIN, left > 0 ? (int)left : 0, err);
		if (r < 0)
			return r;
		n = recv(fd, to, space < most ? space : (size_t)most, MSG_DONTWAIT);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	/* QEMU has given up while bytes were on their way. */
	if (n < 0 && errno == ECONNRESET)
		return 0;
	if (n < 0)
		return wb_fail(err, -errno, "cannot read from QEMU: %s", strerror(errno));
	room->commit(room->ctx, (size_t)n);
	return n;
}

int wb_qemu_socket_write(int fd, struct wb_bytes piece, int timeout_ms, struct wb_error *err)
{
	while (piece.size) {
		ssize_t n = send(fd, piece.data, piece.size, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r = 0;

		if (n < 0 && errno == EAGAIN)
			r = wait_for(fd, POLLOUT, timeout_ms, err);
		else if (n < 0)
			r = wb_fail(err, -errno, "cannot send to QEMU: %s", strerror(errno));
		if (r < 0)
			return r;
		if (n > 0) {
			piece.data += n;
			piece.size -= (size_t)n;
		}
	}
	return 0;
}

/* ---- in another process ---- */

/* The descriptor of that number, if it is the socket: what is asked is the object itself. */
static int take(int pidfd, int number, int64_t inode)
{
	WB_CLEAN_FD fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	struct stat st;
	int found;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode) || (int64_t)st.st_ino != inode)
		return -ENOENT;
	found = fd;
	fd = -1;
	return found;
}

int wb_qemu_stream_find(pid_t pid, int64_t inode, int *ret_peer, struct wb_error *err)
{
	WB_CLEAN_FD pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	char path[64], want[64], to[64];
	int found = -ENOENT;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	snprintf(want, sizeof(want), "socket:[%lld]", (long long)inode);
	dir = pidfd < 0 ? NULL : opendir(path);
	while (dir && found < 0 && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, to, sizeof(to) - 1);

		to[n > 0 ? n : 0] = '\0';
		if (!strcmp(to, want))
			found = take(pidfd, (int)strtol(e->d_name, NULL, 10), inode);
	}
	if (dir)
		closedir(dir);
	if (found < 0)
		return wb_fail(err, -ESTALE, "QEMU has given up what was copied while it ran");
	*ret_peer = found;
	return 0;
}
