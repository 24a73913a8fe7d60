// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who is at the other end of a Unix socket: only sock_diag(7) tells. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keep/proc.h"

static void set_peer(struct wb_sockets *s, int64_t inode, int64_t peer)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].inode == inode)
			s->items[i].peer = peer;
}

/* The attributes of one message: type and length, 16 bits each, and the value, padded to 4. */
static int64_t find_peer(struct wb_bytes attributes)
{
	uint64_t off = 0;
	uint16_t n, type;
	uint32_t peer;

	while (wb_get_le16(attributes, off, &n) && wb_get_le16(attributes, off + 2, &type)) {
		if (n < 4)
			break;
		if (type == UNIX_DIAG_PEER && n == 8 && wb_get_le32(attributes, off + 4, &peer))
			return peer;
		off += wb_align_up(n, 4);
	}
	return 0;
}

/* netlink(7) has the machine's byte order; this reads a little-endian one's, and others see none. */
int wb_sockets_parse_peers(struct wb_bytes in, struct wb_sockets *s)
{
	uint64_t off = 0;

	for (;;) {
		uint32_t n, inode;
		uint16_t type;
		struct wb_bytes message, attributes;

		if (!wb_get_le32(in, off, &n) || !wb_get_le16(in, off + 4, &type))
			return 0;
		if (type == NLMSG_DONE || type == NLMSG_ERROR)
			return 1;
		if (n < sizeof(struct nlmsghdr) || !wb_bytes_sub(in, off, n, &message))
			return -EBADMSG;
		if (wb_get_le32(message,
			    sizeof(struct nlmsghdr) + offsetof(struct unix_diag_msg, udiag_ino),
			    &inode) &&
			wb_bytes_sub(message,
				sizeof(struct nlmsghdr) + sizeof(struct unix_diag_msg),
				n - sizeof(struct nlmsghdr) - sizeof(struct unix_diag_msg),
				&attributes)) {
			int64_t peer = find_peer(attributes);

			if (peer)
				set_peer(s, inode, peer);
		}
		off += wb_align_up(n, 4);
	}
}

static int ask(int fd)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req req;
	} m = {
		.head = {.nlmsg_len = sizeof(m),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.req = {.sdiag_family = AF_UNIX,
			.udiag_states = ~0u,
			.udiag_show = UDIAG_SHOW_PEER},
	};

	return send(fd, &m, sizeof(m), 0) == sizeof(m) ? 0 : -errno;
}

int wb_sockets_add_peers(struct wb_sockets *s)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), r;
	struct timeval tv = {.tv_sec = 10};

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	r = ask(fd);
	while (r == 0) {
		uint8_t buf[32768];
		ssize_t got = recv(fd, buf, sizeof(buf), 0);

		if (got < 0 && errno == EINTR)
			continue;
		r = got < 0 ? -errno : got == 0;
		if (r == 0)
			r = wb_sockets_parse_peers((struct wb_bytes){buf, (size_t)got}, s);
	}
	close(fd);
	return r < 0 ? r : 0;
}
