// SPDX-License-Identifier: LGPL-2.1-or-later
/* Facts about a socket that no table in /proc has: the socket itself is asked, through pidfd_getfd(2). */
#define _GNU_SOURCE
#include <errno.h>
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

#include "net/sockets.h"
#include "proc/bound.h"
#include "proc/proc.h"
#include "sys/sys.h"

/* The most sockets that are added to those of /proc: each is a reason, and one is enough. */
#define MOST_OTHERS 64

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
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

/* `seen`: what is known of it. */
static int add_other(struct wb_sockets *all, int fd, int64_t inode, const struct wb_socket *seen)
{
	const char *name = wb_socket_other_name(get_int(fd, SO_DOMAIN), get_int(fd, SO_PROTOCOL));
	struct wb_socket *s;

	/*
	 * A socket of a kind without a name is not added. CRIU may support it: then it is neither bound nor connected.
	 * If CRIU does not, the dump says so.
	 */
	if ((!name && !seen->unfit && !seen->foreign) || all->n - all->sorted >= MOST_OTHERS) {
		free(seen->unfit);
		return 0;
	}
	s = wb_list_add(all, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = *seen;
	s->kind = WB_SOCKET_OTHER;
	s->inode = inode;
	s->path = strdup(name ? name : "socket");
	return s->path ? 0 : -ENOMEM;
}

/* Does the kernel encrypt this connection (kTLS)? */
static bool is_tls(int fd)
{
	char ulp[16] = "";
	socklen_t n = sizeof(ulp) - 1;

	return getsockopt(fd, SOL_TCP, TCP_ULP, ulp, &n) == 0 && !strcmp(ulp, "tls");
}

/* A socket stays in the network namespace in which it was made, wherever its process goes. */
static bool is_foreign(const struct wb_proc *p, int fd)
{
	unsigned long long own;
	struct stat st;
	bool other;
	int ns;

	if (!p->ns[WB_NS_NET] || sscanf(p->ns[WB_NS_NET], "net:[%llu]", &own) != 1)
		return false;
	ns = ioctl(fd, SIOCGSKNS);
	if (ns < 0)
		return false;
	other = fstat(ns, &st) == 0 && st.st_ino != own;
	close(ns);
	return other;
}

/* Is there more to know of this socket than the tables of /proc tell? */
static bool is_open_question(const struct wb_sockets *all, const struct wb_socket *s)
{
	if (!s || s->bound)
		return !s || !s->file;
	if (s->kind == WB_SOCKET_UNIX_STREAM || s->kind == WB_SOCKET_UNIX_DGRAM)
		return false;
	return all->still ? s->kind == WB_SOCKET_TCP && s->connected : !s->seen && !s->unfit;
}

/* Would it come back as it is? */
static int see(int fd, const struct wb_net_joined *joined, struct wb_socket *s)
{
	WB_CLEAN_NET_SOCKET parts = {};
	struct wb_error why = {};
	int r = wb_net_socket_read(fd, joined, &parts, &why);

	s->seen = r >= 0;
	s->follows = parts.follows;
	s->unread = parts.unread;
	if (r == -ENOMEM)
		return r;
	s->unfit = r < 0 ? strdup(why.text) : NULL;
	return r < 0 && !s->unfit ? -ENOMEM : 0;
}

static int look_at(const struct wb_procs *procs, const struct wb_proc *p, int pidfd,
	const struct wb_proc_fd *f, const struct wb_net_joined *joined, struct wb_sockets *all)
{
	struct wb_socket *s = NULL, unknown = {};
	int64_t inode;
	int fd, r = 0;

	if (!wb_socket_inode(f->link, &inode))
		return 0;
	s = wb_sockets_find(all, inode);
	if (!is_open_question(all, s))
		return 0;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)f->fd, 0);
	if (fd < 0)
		return 0;
	if (s && s->bound) {
		r = wb_bound_find_file(wb_procs_whole(procs, p), fd, all->may_walk, s);
	} else {
		if (!s)
			unknown.foreign = is_foreign(p, fd);
		if (!all->still && !unknown.foreign)
			r = see(fd, joined, s ? s : &unknown);
		if (s && s->kind == WB_SOCKET_TCP)
			s->tls = is_tls(fd);
		else if (!s && r == 0)
			r = add_other(all, fd, inode, &unknown);
	}
	close(fd);
	return r;
}

int wb_sockets_add_kinds(const struct wb_procs *procs, struct wb_sockets *sockets)
{
	struct wb_net_joined joined = {};
	int r = sockets->still ? 0 : wb_net_joined_read(&wb_files_host, &joined);

	for (size_t i = 0; r == 0 && i < procs->n; i++) {
		const struct wb_proc *p = &procs->items[i];
		int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)p->pid, 0);

		/* The process is gone, or the kernel has no pidfd: the verdict then rests on /proc alone. */
		if (pidfd < 0)
			continue;
		for (size_t k = 0; r == 0 && k < p->fds.n; k++)
			r = look_at(procs, p, pidfd, &p->fds.items[k], &joined, sockets);
		close(pidfd);
	}
	wb_net_joined_deinit(&joined);
	return r;
}
