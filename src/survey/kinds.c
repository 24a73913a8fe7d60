// SPDX-License-Identifier: LGPL-2.1-or-later
/* Facts about a socket that no table in /proc has: the socket itself is asked, through pidfd_getfd(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "survey/proc.h"

/* The most sockets that are added to those of /proc: each is a reason, and one is enough. */
#define MOST_OTHERS 64

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
/* linux/un.h, which libc's sys/un.h does not go with: opens the file of a Unix socket with O_PATH. */
#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif
#ifndef SOL_TCP
#define SOL_TCP 6
#endif

static int get_int(int fd, int what)
{
	socklen_t n = sizeof(int);
	int v = -1;

	return getsockopt(fd, SOL_SOCKET, what, &v, &n) < 0 ? -1 : v;
}

const char *wb_socket_other_name(int domain, int protocol)
{
	static const struct {
		int domain;
		const char *name;
	} domains[] = {
		{AF_VSOCK, "vsock"},
		{AF_ALG, "kernel crypto (AF_ALG)"},
		{AF_BLUETOOTH, "Bluetooth"},
		{AF_CAN, "CAN"},
		{AF_TIPC, "TIPC"},
		{AF_XDP, "AF_XDP"},
		{AF_PACKET, "packet"},
		{AF_KEY, "IPsec key"},
	};

	if (domain == AF_INET || domain == AF_INET6) {
		if (protocol == IPPROTO_MPTCP)
			return "MPTCP";
		if (protocol == IPPROTO_SCTP)
			return "SCTP";
		return NULL;
	}
	for (size_t i = 0; i < sizeof(domains) / sizeof(*domains); i++)
		if (domains[i].domain == domain)
			return domains[i].name;
	return NULL;
}

static int add_other(struct wb_sockets *all, int fd, int64_t inode)
{
	const char *name = wb_socket_other_name(get_int(fd, SO_DOMAIN), get_int(fd, SO_PROTOCOL));
	struct wb_socket *s;

	/*
	 * A socket of a kind without a name is not added. CRIU may support it: then it is neither bound nor connected.
	 * If CRIU does not, the dump says so.
	 */
	if (!name || all->n - all->sorted >= MOST_OTHERS)
		return 0;
	s = wb_list_add(all, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct wb_socket){.kind = WB_SOCKET_OTHER, .inode = inode, .path = strdup(name)};
	return s->path ? 0 : -ENOMEM;
}

/* Does the kernel encrypt this connection (kTLS)? */
static bool is_tls(int fd)
{
	char ulp[16] = "";
	socklen_t n = sizeof(ulp) - 1;

	return getsockopt(fd, SOL_TCP, TCP_ULP, ulp, &n) == 0 && !strcmp(ulp, "tls");
}

/* Is the file on a mount of this process's namespace? */
static bool has_mount_of(const struct wb_proc *p, int at)
{
	struct statx st;

	if (statx(at, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
		return false;
	for (size_t i = 0; i < p->mounts.n; i++)
		if (p->mounts.items[i].id == (int64_t)st.stx_mnt_id)
			return true;
	return false;
}

/* Does `path` lead to the file `at`, from the root directory of this process? */
static bool leads_to(const struct wb_proc *p, const char *path, int at)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	struct stat a, b;
	char top[64];
	int root, fd;
	bool same;

	snprintf(top, sizeof(top), "/proc/%lld/root", (long long)p->pid);
	root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	same = fd >= 0 && fstat(fd, &a) == 0 && fstat(at, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
	if (fd >= 0)
		close(fd);
	if (root >= 0)
		close(root);
	return same;
}

/*
 * CRIU makes the socket again by its name, as root, and removes what has that name. The kernel shows the name of a file
 * on a mount that is gone as if it were in the root directory. So the name must lead to the file itself; one that was
 * removed must at least have been called so.
 */
static bool is_there(const struct wb_proc *p, const char *name, const char *file, int at)
{
	static const char gone[] = " (deleted)";
	size_t n = strlen(file), g = strlen(gone);

	if (!has_mount_of(p, at))
		return false;
	if (n > g && !strcmp(file + n - g, gone))
		return *name != '/' || (strlen(name) == n - g && !strncmp(name, file, n - g));
	return leads_to(p, *name == '/' ? name : file, at);
}

/*
 * Find the file of a bound Unix socket, wherever the name that was passed to bind(2) leads by now, as CRIU does.
 * p: a process that sees the whole mount namespace; NULL: there is none.
 */
static void find_file(const struct wb_proc *p, int fd, bool may_walk, struct wb_socket *s)
{
	int at = ioctl(fd, SIOCUNIXFILE);
	char link[64], path[PATH_MAX];
	ssize_t n;

	s->elsewhere = true;
	if (at < 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	n = readlink(link, path, sizeof(path));
	if (n > 0 && n < (ssize_t)sizeof(path) && *path == '/')
		s->file = strndup(path, (size_t)n);
	s->elsewhere = !s->file || !may_walk || !p || !is_there(p, s->path, s->file, at);
	close(at);
}

/* Is there more to know of this socket than the tables of /proc tell? */
static bool is_open_question(const struct wb_socket *s)
{
	return !s || (s->kind == WB_SOCKET_TCP && s->connected) || (s->bound && !s->file);
}

/*
 * A process that sees all of p's mount namespace: in a changed root directory, names lead elsewhere and mounts are
 * missing. NULL: the unit has none.
 */
static const struct wb_proc *with_whole_root(const struct wb_procs *procs, const struct wb_proc *p)
{
	const char *ns = p->ns[WB_NS_MNT];

	if (p->root && !strcmp(p->root, "/"))
		return p;
	for (size_t i = 0; ns && i < procs->n; i++) {
		const struct wb_proc *q = &procs->items[i];

		if (q->ns[WB_NS_MNT] && !strcmp(q->ns[WB_NS_MNT], ns) && q->root &&
			!strcmp(q->root, "/"))
			return q;
	}
	return NULL;
}

static int look_at(const struct wb_procs *procs, const struct wb_proc *p, int pidfd,
	const struct wb_proc_fd *f, struct wb_sockets *all)
{
	struct wb_socket *s = NULL;
	int64_t inode;
	int fd, r = 0;

	if (!wb_socket_inode(f->link, &inode))
		return 0;
	s = wb_sockets_find(all, inode);
	if (!is_open_question(s))
		return 0;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)f->fd, 0);
	if (fd < 0)
		return 0;
	if (s && s->bound)
		find_file(with_whole_root(procs, p), fd, all->may_walk, s);
	else if (s)
		s->tls = is_tls(fd);
	else
		r = add_other(all, fd, inode);
	close(fd);
	return r;
}

int wb_sockets_add_kinds(const struct wb_procs *procs, struct wb_sockets *sockets)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < procs->n; i++) {
		const struct wb_proc *p = &procs->items[i];
		int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)p->pid, 0);

		/* The process is gone, or the kernel has no pidfd: the verdict then rests on /proc alone. */
		if (pidfd < 0)
			continue;
		for (size_t k = 0; r == 0 && k < p->fds.n; k++)
			r = look_at(procs, p, pidfd, &p->fds.items[k], sockets);
		close(pidfd);
	}
	return r;
}
