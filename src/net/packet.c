// SPDX-License-Identifier: LGPL-2.1-or-later
/* Properties of packet sockets that only sock_diag(7) tells. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sockets.h"
#include "sys/below.h"

static int ask(int fd)
{
	struct {
		struct nlmsghdr head;
		struct packet_diag_req req;
	} m = {
		.head = {.nlmsg_len = sizeof(m),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.req = {.sdiag_family = AF_PACKET,
			.pdiag_show = PACKET_SHOW_MCLIST | PACKET_SHOW_FANOUT},
	};

	return send(fd, &m, sizeof(m), 0) == sizeof(m) ? 0 : -errno;
}

/* One socket: 0 or WB_NET_PACKET_…; -EAGAIN: it is another one. */
static int read_one(const struct nlmsghdr *m, uint32_t inode)
{
	const struct packet_diag_msg *d = NLMSG_DATA(m);
	const struct rtattr *a = (const struct rtattr *)(d + 1);
	int left, found = 0;

	if (m->nlmsg_len < NLMSG_LENGTH(sizeof(*d)) || d->pdiag_ino != inode)
		return -EAGAIN;
	left = (int)(m->nlmsg_len - NLMSG_LENGTH(sizeof(*d)));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == PACKET_DIAG_FANOUT)
			found |= WB_NET_PACKET_FANOUT;
		if (a->rta_type == PACKET_DIAG_MCLIST && RTA_PAYLOAD(a) > 0)
			found |= WB_NET_PACKET_MEMBER;
	}
	return found;
}

/* A part of the answer: as above, and -ENOENT at its end. */
static int read_part(const struct nlmsghdr *m, int n, uint32_t inode)
{
	int r = -EAGAIN;

	for (; r == -EAGAIN && NLMSG_OK(m, (unsigned)n); m = NLMSG_NEXT(m, n)) {
		const struct nlmsgerr *e = NLMSG_DATA(m);

		if (m->nlmsg_type == NLMSG_DONE)
			return -ENOENT;
		if (m->nlmsg_type == NLMSG_ERROR)
			return m->nlmsg_len >= NLMSG_LENGTH(sizeof(e->error)) && e->error < 0
				       ? e->error
				       : -EBADMSG;
		r = read_one(m, inode);
	}
	return r;
}

int wb_net_packet_belongs(uint32_t inode)
{
	WB_CLEAN_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	const struct timeval limit = {.tv_sec = 10};
	int r = fd < 0 ? -errno : ask(fd);

	if (r < 0)
		return r;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	do {
		_Alignas(struct nlmsghdr) uint8_t buf[32768];
		struct sockaddr_nl from = {};
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size);

		if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		/* A process with CAP_NET_ADMIN can send here, too. */
		r = n > 0 && from.nl_pid == 0
			    ? read_part((const struct nlmsghdr *)buf, (int)n, inode)
			    : -EAGAIN;
	} while (r == -EAGAIN);
	return r;
}
