// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keys of TCP-MD5 (RFC 2385), as of BGP: CRIU loses them, and only sock_diag(7) tells that a socket has any. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sockets.h"
#include "sys/below.h"

#define WAIT_SECONDS 2

static void put_end(const struct sockaddr_storage *a, __be16 *port, __be32 address[4])
{
	const struct sockaddr_in *four = (const void *)a;
	const struct sockaddr_in6 *six = (const void *)a;

	if (a->ss_family == AF_INET6) {
		*port = six->sin6_port;
		memcpy(address, &six->sin6_addr, sizeof(six->sin6_addr));
	} else if (a->ss_family == AF_INET) {
		*port = four->sin_port;
		*address = four->sin_addr.s_addr;
	}
}

/* Exactly this socket: net/ipv4/inet_diag.c, inet_diag_find_one_icsk(). */
static int ask(int diag, int fd)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} m = {
		.head = {.nlmsg_len = sizeof(m),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST},
		/* The kernel tells the keys behind struct tcp_info. */
		.req = {.sdiag_protocol = IPPROTO_TCP,
			.idiag_ext = 1 << (INET_DIAG_INFO - 1),
			.idiag_states = ~0u,
			.id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
	};
	struct sockaddr_storage here = {}, there = {};
	socklen_t n = sizeof(here), k = sizeof(there), size = sizeof(int);
	int link = 0;

	if (getsockname(fd, (struct sockaddr *)&here, &n) < 0)
		return -errno;
	/* A socket that listens has no peer. */
	if (getpeername(fd, (struct sockaddr *)&there, &k) < 0)
		there.ss_family = AF_UNSPEC;
	m.req.sdiag_family = (uint8_t)here.ss_family;
	/* The kernel finds a socket that is bound to an interface only with it. */
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &link, &size) == 0 && link > 0)
		m.req.id.idiag_if = (uint32_t)link;
	else if (here.ss_family == AF_INET6)
		m.req.id.idiag_if = ((const struct sockaddr_in6 *)&here)->sin6_scope_id;
	put_end(&here, &m.req.id.idiag_sport, m.req.id.idiag_src);
	put_end(&there, &m.req.id.idiag_dport, m.req.id.idiag_dst);
	return send(diag, &m, sizeof(m), 0) == sizeof(m) ? 0 : -errno;
}

static int read_answer(const struct nlmsghdr *m, ssize_t n)
{
	const struct inet_diag_msg *d = NLMSG_DATA(m);
	const struct rtattr *a = (const struct rtattr *)(d + 1);
	const struct nlmsgerr *e = NLMSG_DATA(m);
	int left;

	if (n < 0 || !NLMSG_OK(m, (unsigned)n))
		return n < 0 ? -errno : -EBADMSG;
	if (m->nlmsg_type == NLMSG_ERROR)
		return m->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) ? e->error : -EBADMSG;
	if (m->nlmsg_len < NLMSG_LENGTH(sizeof(*d)))
		return -EBADMSG;
	left = (int)(m->nlmsg_len - NLMSG_LENGTH(sizeof(*d)));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == INET_DIAG_MD5SIG && RTA_PAYLOAD(a) > 0)
			return 1;
	return 0;
}

int wb_net_has_md5(int fd)
{
	WB_CLEAN_FD diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	const struct timeval wait = {.tv_sec = WAIT_SECONDS};
	union {
		struct nlmsghdr head;
		uint8_t bytes[16384];
	} in;
	int r = diag < 0 ? -errno : ask(diag, fd);

	if (r < 0)
		return r;
	(void)setsockopt(diag, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	r = read_answer(&in.head, recv(diag, in.bytes, sizeof(in.bytes), 0));
	/* A socket that neither listens nor is connected is in no table. */
	return r == -ENOENT ? 0 : r;
}
