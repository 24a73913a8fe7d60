// SPDX-License-Identifier: LGPL-2.1-or-later
/* The peers and names of Unix sockets, from sock_diag(7), which a service cannot forge. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc/proc.h"

/* The kernel's MAX_ERRNO. */
#define LARGEST_ERRNO 4095

/* The kernel's answer about one socket. */
struct answer {
	uint32_t inode, peer; /* inodes; peer 0: it has none, or one that was not accepted yet */
	uint8_t type;
	struct wb_bytes name; /* as in sun_path; empty: it has none */
};

/*
 * unix(7): an abstract name begins with a null byte and may contain more. Each is shown as "@", as in
 * /proc/net/unix.
 */
static char *name_of(struct wb_bytes name)
{
	bool abstract = !*name.data;
	char *s = calloc(1, name.size + 1);

	for (size_t i = 0; s && i < name.size; i++) {
		char c = (char)name.data[i];

		if (!c && !abstract)
			break;
		s[i] = c ? c : '@';
	}
	return s;
}

static int set_name(struct wb_socket *s, struct wb_bytes name)
{
	char *path = NULL;

	if (name.size) {
		path = name_of(name);
		if (!path)
			return -ENOMEM;
	}
	free(s->path);
	s->path = path;
	s->bound = name.size && *name.data;
	return 0;
}

static int set(struct wb_sockets *s, const struct answer *a)
{
	struct wb_socket *item = wb_sockets_find(s, a->inode), *end = s->items + s->n;

	/* There is more than one with this inode if a name has forged a line. */
	for (; item && item < end && item->inode == a->inode; item++) {
		if (item->kind != WB_SOCKET_UNIX_STREAM && item->kind != WB_SOCKET_UNIX_DGRAM)
			continue;
		item->kind = a->type == SOCK_DGRAM ? WB_SOCKET_UNIX_DGRAM : WB_SOCKET_UNIX_STREAM;
		item->packets = a->type == SOCK_SEQPACKET;
		if (a->peer)
			item->peer = a->peer;
		item->outer = s->outer;
		if (set_name(item, a->name) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The attributes of one message: type and length, 16 bits each, and the value, padded to 4. */
static void read_attributes(struct wb_bytes attributes, struct answer *a)
{
	uint64_t off = 0;
	uint16_t n, type;

	while (wb_get_le16(attributes, off, &n) && wb_get_le16(attributes, off + 2, &type)) {
		if (n < 4)
			break;
		if (type == UNIX_DIAG_PEER && n == 8)
			(void)wb_get_le32(attributes, off + 4, &a->peer);
		if (type == UNIX_DIAG_NAME && n > 4)
			(void)wb_bytes_sub(attributes, off + 4, n - 4, &a->name);
		off += wb_align_up(n, 4);
	}
}

static int read_one(struct wb_bytes message, struct wb_sockets *s)
{
	const uint64_t head = sizeof(struct nlmsghdr);
	struct answer a = {};
	struct wb_bytes rest;

	if (!wb_get_le32(message, head + offsetof(struct unix_diag_msg, udiag_ino), &a.inode) ||
		!wb_bytes_sub(message, head + sizeof(struct unix_diag_msg),
			message.size - head - sizeof(struct unix_diag_msg), &rest))
		return 0;
	a.type = message.data[head + offsetof(struct unix_diag_msg, udiag_type)];
	read_attributes(rest, &a);
	return set(s, &a);
}

/*
 * The error in NLMSG_ERROR and at the end of a dump in NLMSG_DONE. 0: none; in NLMSG_ERROR, this is an ACK. A refused
 * request is answered by NLMSG_ERROR alone: -ENOENT without unix_diag (net/core/sock_diag.c).
 */
static int error_in(struct wb_bytes message)
{
	uint32_t error;

	if (!wb_get_le32(message, sizeof(struct nlmsghdr), &error) ||
		(int32_t)error < -LARGEST_ERRNO || (int32_t)error > 0)
		return -EBADMSG;
	return (int32_t)error;
}

/*
 * netlink(7) uses the machine's byte order, and this reads little-endian numbers: on a big-endian machine the answer
 * is -EBADMSG.
 */
int wb_sockets_parse_peers(struct wb_bytes in, struct wb_sockets *s)
{
	uint64_t off = 0;

	for (;;) {
		struct wb_bytes message;
		uint16_t type;
		uint32_t n;
		int r = 0;

		if (!wb_get_le32(in, off, &n) || !wb_get_le16(in, off + 4, &type))
			return 0;
		if (n < sizeof(struct nlmsghdr) || !wb_bytes_sub(in, off, n, &message))
			return -EBADMSG;
		if (type == NLMSG_DONE || type == NLMSG_ERROR)
			r = error_in(message);
		else if (read_one(message, s) < 0)
			r = -ENOMEM;
		if (r < 0 || type == NLMSG_DONE)
			return r < 0 ? r : 1;
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
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER},
	};

	return send(fd, &m, sizeof(m), 0) == sizeof(m) ? 0 : -errno;
}

/* Receive one message of the kernel's. A process with CAP_NET_ADMIN can send here, too: those are passed over. */
static ssize_t receive(int fd, uint8_t *buf, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = {};
		socklen_t n = sizeof(from);
		ssize_t got = recvfrom(fd, buf, size, 0, (struct sockaddr *)&from, &n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (n == sizeof(from) && from.nl_pid == 0))
			return got < 0 ? -errno : got;
	}
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
		ssize_t got = receive(fd, buf, sizeof(buf));

		r = got < 0 ? (int)got
			    : wb_sockets_parse_peers((struct wb_bytes){buf, (size_t)got}, s);
	}
	close(fd);
	return r < 0 ? r : 0;
}
