// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A part of the library that is loaded before CRIU's own: sockets that systemd has bound (systemd.socket(5)) and handed
 * to the unit. CRIU would bind each of them once more. So the process that has started CRIU keeps the new boot's
 * sockets open, and bind(2) to the address of one of them puts a copy of it in the place of CRIU's socket. CRIU then
 * sets its options. It neither removes the file of a Unix socket nor goes by its name.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "criu/hook.h"
#include "shim/shim.h"

/* linux/un.h, which libc's sys/un.h does not go with: opens the file of a Unix socket with O_PATH. */
#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif

/* The socket that was bound last: CRIU changes owner and mode of its file next, by its name. */
static struct {
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
} last = {.fd = -1};

static void remember(int fd, const struct sockaddr *a, socklen_t size)
{
	const struct sockaddr_un *un = (const void *)a;
	const size_t head = offsetof(struct sockaddr_un, sun_path);

	if (size <= head || a->sa_family != AF_UNIX || *un->sun_path != '/')
		return;
	memset(last.path, 0, sizeof(last.path));
	memcpy(last.path, un->sun_path, strnlen(un->sun_path, size - head));
	last.fd = fd;
}

/* CRIU's socket, and the address that it is to have. */
struct wanted {
	int domain, type, protocol; /* domain 0: any socket with that name */
	const struct sockaddr *address;
	socklen_t size;
};

static int get_int(int fd, int level, int what)
{
	socklen_t n = sizeof(int);
	int v = -1;

	return syscall(SYS_getsockopt, fd, level, what, &v, &n) < 0 ? -1 : v;
}

int wb_shim_same_address(
	const struct sockaddr *a, socklen_t n_a, const struct sockaddr *b, socklen_t n_b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;
	const struct sockaddr_un *au = (const void *)a, *bu = (const void *)b;
	const size_t head = offsetof(struct sockaddr_un, sun_path);

	if (n_a <= head || n_b <= head || a->sa_family != b->sa_family)
		return 0;
	if (a->sa_family == AF_INET)
		return n_a >= sizeof(*a4) && n_b >= sizeof(*b4) && a4->sin_port == b4->sin_port &&
		       a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	if (a->sa_family == AF_INET6)
		return n_a >= sizeof(*a6) && n_b >= sizeof(*b6) && a6->sin6_port == b6->sin6_port &&
		       !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
	if (a->sa_family != AF_UNIX)
		return 0;
	/* An abstract name has its length; a path ends with a zero byte, which may be counted. */
	if (!*au->sun_path)
		return n_a == n_b && !memcmp(au->sun_path, bu->sun_path, n_a - head);
	n_a = (socklen_t)strnlen(au->sun_path, n_a - head);
	n_b = (socklen_t)strnlen(bu->sun_path, n_b - head);
	return n_a == n_b && !memcmp(au->sun_path, bu->sun_path, n_a);
}

static int fits(int fd, const struct wanted *w)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);

	if (w->domain && (get_int(fd, SOL_SOCKET, SO_DOMAIN) != w->domain ||
				 get_int(fd, SOL_SOCKET, SO_TYPE) != w->type ||
				 get_int(fd, SOL_SOCKET, SO_PROTOCOL) != w->protocol))
		return 0;
	return syscall(SYS_getsockname, fd, &address, &n) == 0 &&
	       wb_shim_same_address((struct sockaddr *)&address, n, w->address, w->size);
}

/* A copy of the socket of the other process, to be closed; -1: it has none like that. */
static int find_handed(const struct wanted *w)
{
	const char *list = getenv(WB_HOOK_SOCKETS);
	int before = errno, process, fd = -1;
	char *end;

	if (!list)
		return -1;
	process = (int)syscall(SYS_pidfd_open, (pid_t)strtol(list, &end, 10), 0);
	while (process >= 0 && fd < 0 && *end) {
		fd = (int)syscall(SYS_pidfd_getfd, process, (int)strtol(end + 1, &end, 10), 0);
		if (fd >= 0 && !fits(fd, w)) {
			syscall(SYS_close, fd);
			fd = -1;
		}
	}
	if (process >= 0)
		syscall(SYS_close, process);
	errno = before;
	return fd;
}

/* CRIU restores SO_REUSEADDR and SO_REUSEPORT of the socket that it binds by taking them away again. */
static int take(int handed, int fd)
{
	const int flags = (int)syscall(SYS_fcntl, fd, F_GETFD), yes = 1;
	int domain = get_int(handed, SOL_SOCKET, SO_DOMAIN), r;

	if (domain != AF_UNIX) {
		syscall(SYS_setsockopt, handed, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		syscall(SYS_setsockopt, handed, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
	}
	r = (int)syscall(SYS_dup3, handed, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
	syscall(SYS_close, handed);
	return r < 0 ? -1 : 0;
}

/*
 * The service was bound to its address when this was the machine's. It may be again only after the restore. CRIU does the
 * same for IPv6 (criu/sk-inet.c).
 */
static int bind_ahead(int fd, const struct sockaddr *a, socklen_t size)
{
	const int yes = 1;
	int r = (int)syscall(SYS_bind, fd, a, size), before;

	if (r == 0 || errno != EADDRNOTAVAIL || a->sa_family != AF_INET)
		return r;
	before = get_int(fd, IPPROTO_IP, IP_FREEBIND);
	if (before || syscall(SYS_setsockopt, fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes)) < 0) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	r = (int)syscall(SYS_bind, fd, a, size);
	if (syscall(SYS_setsockopt, fd, IPPROTO_IP, IP_FREEBIND, &before, sizeof(before)) < 0)
		return -1;
	return r;
}

/* A connection is bound to the address of the socket that it came from, in repair mode. */
int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	const struct wanted w = {.domain = get_int(fd, SOL_SOCKET, SO_DOMAIN),
		.type = get_int(fd, SOL_SOCKET, SO_TYPE),
		.protocol = get_int(fd, SOL_SOCKET, SO_PROTOCOL),
		.address = address.__sockaddr__,
		.size = size};
	bool repair = w.protocol == IPPROTO_TCP && get_int(fd, IPPROTO_TCP, TCP_REPAIR) > 0;
	int handed = repair || w.domain <= 0 ? -1 : find_handed(&w);

	if (handed >= 0)
		return take(handed, fd);
	if (bind_ahead(fd, address.__sockaddr__, size) < 0)
		return -1;
	remember(fd, address.__sockaddr__, size);
	return wb_shim_give_name(address.__sockaddr__, size);
}

/*
 * To listen once more on systemd's Unix socket would make this process its peers' peer (SO_PEERCRED). It has the backlog
 * of its socket unit.
 */
int listen(int fd, int backlog)
{
	if (get_int(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX &&
		get_int(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
		return 0;
	return (int)syscall(SYS_listen, fd, backlog);
}

/* ---- the file of a Unix socket ---- */

/*
 * The socket with this path, to be closed: the one that was bound last, or one that systemd has bound. -1: there is
 * none. A process that may write to the directory can put a link to another file in the place of the socket's name.
 */
static int find_named(int dir, const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const struct wanted w = {.address = (struct sockaddr *)&name, .size = sizeof(name)};

	if (dir != AT_FDCWD || *path != '/' || strlen(path) >= sizeof(name.sun_path))
		return -1;
	strcpy(name.sun_path, path);
	if (last.fd >= 0 && !strcmp(last.path, path))
		return (int)syscall(SYS_fcntl, last.fd, F_DUPFD_CLOEXEC, 0);
	return find_handed(&w);
}

/* The file itself, wherever the path leads. -1 with errno: it cannot be opened. Closes the socket. */
static int file_of(int handed)
{
	int file = (int)syscall(SYS_ioctl, handed, SIOCUNIXFILE);

	syscall(SYS_close, handed);
	return file;
}

int unlinkat(int dir, const char *path, int flags)
{
	int handed;

	last.fd = -1;
	handed = flags ? -1 : find_named(dir, path);

	if (handed < 0)
		return (int)syscall(SYS_unlinkat, dir, path, flags);
	syscall(SYS_close, handed);
	return 0;
}

int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
	int handed = find_named(dir, path), file, r;

	if (handed < 0)
		return (int)syscall(SYS_fchownat, dir, path, uid, gid, flags);
	file = file_of(handed);
	r = file < 0 ? -1 : (int)syscall(SYS_fchownat, file, "", uid, gid, AT_EMPTY_PATH);
	if (file >= 0)
		syscall(SYS_close, file);
	return r;
}

int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	int handed = find_named(dir, path), file, r;
	char link[32];

	/* The system call has no flags, and CRIU passes none. */
	if (handed < 0)
		return (int)syscall(SYS_fchmodat, dir, path, mode, flags);
	file = file_of(handed);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	r = file < 0 ? -1 : (int)syscall(SYS_fchmodat, AT_FDCWD, link, mode);
	if (file >= 0)
		syscall(SYS_close, file);
	return r;
}

int fstatat(int dir, const char *path, struct stat *ret, int flags)
{
	int handed = find_named(dir, path), file, r;

	if (handed < 0)
		return (int)syscall(SYS_newfstatat, dir, path, ret, flags);
	file = file_of(handed);
	r = file < 0 ? -1 : (int)syscall(SYS_newfstatat, file, "", ret, AT_EMPTY_PATH);
	if (file >= 0)
		syscall(SYS_close, file);
	return r;
}

int fstatat64(int dir, const char *path, struct stat64 *ret, int flags)
	__attribute__((alias("fstatat")));

/* ---- what was not read ---- */

static bool stays_unread(int fd)
{
	const char *list = getenv(WB_HOOK_UNREAD);
	struct stat st;
	char *end;

	if (!list || syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) < 0)
		return false;
	for (; *list; list = *end ? end + 1 : end)
		if (strtoull(list, &end, 10) == st.st_ino)
			return true;
	return false;
}

/*
 * CRIU looks at what waits to be received, and fails at what came with a sender's identity (criu/sk-queue.c,
 * dump_packet_cmsg()). Sent again, it would be root's.
 */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	if ((flags & MSG_PEEK) && stays_unread(fd)) {
		errno = EAGAIN;
		return -1;
	}
	return wb_shim_receive(fd, message, flags);
}
