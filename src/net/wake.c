// SPDX-License-Identifier: LGPL-2.1-or-later
/* Waking peers after the packet hold, by ICMP messages with noted sequence numbers. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "net/wake.h"

/*
 * Each message takes back one doubling of the peer's timer. A path that was down for a minute has
 * caused eight.
 */
#define ROUNDS 4
#define PAUSE_MS 40
/* More connections than this are not woken one by one. */
#define MOST_CONNECTIONS 20000

static void close_fdp(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLEAN_FD __attribute__((cleanup(close_fdp))) int

/* ---- before the jump ---- */

struct name {
	char text[INET6_ADDRSTRLEN];
	int port;
};

/* IPv4-mapped addresses as IPv4, as in the manifest. */
static bool to_name(const struct sockaddr_storage *a, struct name *ret)
{
	static const char mapped[] = "::ffff:";
	const struct sockaddr_in6 *six = (const void *)a;
	const struct sockaddr_in *four = (const void *)a;

	if (a->ss_family == AF_INET) {
		ret->port = ntohs(four->sin_port);
		return inet_ntop(AF_INET, &four->sin_addr, ret->text, sizeof(ret->text));
	}
	if (a->ss_family != AF_INET6)
		return false;
	ret->port = ntohs(six->sin6_port);
	if (!inet_ntop(AF_INET6, &six->sin6_addr, ret->text, sizeof(ret->text)))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		memmove(ret->text, ret->text + strlen(mapped),
			strlen(ret->text + strlen(mapped)) + 1);
	return true;
}

/* The names of both ends; false: it is not connected. */
static bool read_names(int fd, struct name *local, struct name *remote)
{
	struct sockaddr_storage here, there;
	socklen_t n_here = sizeof(here), n_there = sizeof(there);

	return getsockname(fd, (struct sockaddr *)&here, &n_here) == 0 &&
	       getpeername(fd, (struct sockaddr *)&there, &n_there) == 0 && to_name(&here, local) &&
	       to_name(&there, remote);
}

static struct wb_net_connection *find(struct wb_net_ends *u, int fd)
{
	struct name local, remote;

	if (!read_names(fd, &local, &remote))
		return NULL;
	for (size_t i = 0; i < u->connections.n; i++) {
		struct wb_net_connection *c = &u->connections.items[i];

		if (c->local_port == local.port && c->remote_port == remote.port &&
			!strcmp(c->local, local.text) && !strcmp(c->remote, remote.text))
			return c;
	}
	return NULL;
}

static bool is_tcp(int fd)
{
	int protocol = 0;
	socklen_t n = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n) == 0 &&
	       protocol == IPPROTO_TCP;
}

/*
 * The owner of the socket is frozen and no other process reads it, so its repair queue may be
 * chosen.
 */
static int note_socket(struct wb_net_ends *u, int fd)
{
	const int receiving = TCP_RECV_QUEUE, none = TCP_NO_QUEUE;
	struct wb_net_connection *c = is_tcp(fd) ? find(u, fd) : NULL;
	socklen_t n = sizeof(int);
	uint32_t sequence;
	int repair = 0;

	if (!c || getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &repair, &n) < 0 || repair != 1)
		return 0;
	n = sizeof(sequence);
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &receiving, sizeof(receiving)) < 0)
		return 0;
	if (getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &n) == 0)
		c->expects = sequence;
	setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &none, sizeof(none));
	return 0;
}

/* -ENOMEM; -ENOTCONN: the socket is not connected. */
static int add(struct wb_net_ends *u, int fd)
{
	struct wb_net_connection *c;
	struct name local, remote;

	if (!read_names(fd, &local, &remote) || u->connections.n >= MOST_CONNECTIONS)
		return -ENOTCONN;
	c = wb_list_add(&u->connections, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct wb_net_connection){.local = strdup(local.text),
		.remote = strdup(remote.text),
		.local_port = local.port,
		.remote_port = remote.port};
	return c->local && c->remote ? 0 : -ENOMEM;
}

/*
 * tcp_setsockopt() in net/ipv4/tcp.c: -1 leaves repair mode without a packet to the peer (Linux 4.19), and leaving it
 * sets SO_REUSEADDR back.
 */
static int note_frozen(struct wb_net_ends *u, int fd)
{
	const int on = 1, quiet = -1;
	socklen_t n = sizeof(int);
	int reuse = 0, r;

	if (!is_tcp(fd) || getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &n) < 0)
		return 0;
	if (!find(u, fd)) {
		r = add(u, fd);
		if (r < 0)
			return r == -ENOTCONN ? 0 : r;
	}
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) < 0)
		return 0;
	note_socket(u, fd);
	setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &quiet, sizeof(quiet));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	return 0;
}

typedef int (*noting)(struct wb_net_ends *u, int fd);

static int note_process(
	const struct wb_files *files, struct wb_net_ends *u, int64_t pid, noting note)
{
	CLEAN_FD process = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	WB_CLEAN_STRV fds = {};
	char dir[64], path[128];
	int r = 0;

	snprintf(dir, sizeof(dir), "/proc/%lld/fd", (long long)pid);
	if (process < 0 || files->list(files->ctx, dir, &fds, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < fds.n; i++) {
		WB_CLEAN_STR link = NULL;
		CLEAN_FD fd = -1;

		snprintf(path, sizeof(path), "%s/%s", dir, fds.items[i]);
		if (files->readlink(files->ctx, path, &link, NULL) < 0 ||
			strncmp(link, "socket:", 7))
			continue;
		fd = (int)syscall(SYS_pidfd_getfd, process, atoi(fds.items[i]), 0);
		if (fd >= 0)
			r = note(u, fd);
	}
	return r;
}

void wb_wake_note(
	const struct wb_files *files, const int64_t *pids, size_t n_pids, struct wb_net_ends *ends)
{
	for (size_t i = 0; ends->connections.n && i < n_pids; i++)
		note_process(files, ends, pids[i], note_socket);
}

int wb_wake_note_frozen(
	const struct wb_files *files, const int64_t *pids, size_t n_pids, struct wb_net_ends *ends)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_pids; i++)
		r = note_process(files, ends, pids[i], note_frozen);
	return r;
}

/* ---- after the jump ---- */

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* RFC 1071; n is even. */
static unsigned checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Put the first eight bytes of the peer's segment. A receiver reads no more of it. */
static void put_segment(uint8_t *p, const struct wb_net_connection *c)
{
	put16(p, (unsigned)c->remote_port);
	put16(p + 2, (unsigned)c->local_port);
	put32(p + 4, (uint32_t)c->expects);
}

/* RFC 792: type 3, code 1. RFC 791 for the quoted packet. */
static size_t packet4(const struct wb_net_connection *c, uint8_t *p)
{
	enum { ICMP = 8, IP = 20, SEGMENT = 8 };
	uint8_t *ip = p + ICMP;

	p[0] = 3;
	p[1] = 1;
	ip[0] = 0x45;
	put16(ip + 2, IP + 20);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	if (inet_pton(AF_INET, c->remote, ip + 12) != 1 ||
		inet_pton(AF_INET, c->local, ip + 16) != 1)
		return 0;
	put16(ip + 10, checksum(ip, IP));
	put_segment(ip + IP, c);
	put16(p + 2, checksum(p, ICMP + IP + SEGMENT));
	return ICMP + IP + SEGMENT;
}

/* RFC 4443: type 1, code 0. RFC 8200 for the quoted packet. */
static size_t packet6(const struct wb_net_connection *c, uint8_t *p)
{
	enum { ICMP = 8, IP = 40, SEGMENT = 8 };
	uint8_t *ip = p + ICMP;

	p[0] = 1;
	ip[0] = 0x60;
	put16(ip + 4, 20);
	ip[6] = IPPROTO_TCP;
	ip[7] = 64;
	if (inet_pton(AF_INET6, c->remote, ip + 8) != 1 ||
		inet_pton(AF_INET6, c->local, ip + 24) != 1)
		return 0;
	put_segment(ip + IP, c);
	return ICMP + IP + SEGMENT;
}

size_t wb_wake_packet(const struct wb_net_connection *c, uint8_t ret[WB_WAKE_MOST])
{
	memset(ret, 0, WB_WAKE_MOST);
	if (!c->expects)
		return 0;
	return strchr(c->local, ':') ? packet6(c, ret) : packet4(c, ret);
}

static void send_one(int sock, const struct wb_net_connection *c)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	uint8_t packet[WB_WAKE_MOST];
	size_t n = wb_wake_packet(c, packet);
	bool v6 = strchr(c->remote, ':');

	if (!n || inet_pton(v6 ? AF_INET6 : AF_INET, c->remote,
			  v6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1)
		return;
	/* If a message is lost, the next round replaces it; if all are, the peer's timer does. */
	sendto(sock, packet, n, MSG_DONTWAIT | MSG_NOSIGNAL,
		v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four,
		v6 ? sizeof(six) : sizeof(four));
}

static size_t send_round(const struct wb_ends_list *units, const int socks[2])
{
	size_t sent = 0;

	for (size_t i = 0; i < units->n; i++) {
		const struct wb_net_ends *u = units->items[i];

		for (size_t k = 0; k < u->connections.n && sent < MOST_CONNECTIONS; k++) {
			const struct wb_net_connection *c = &u->connections.items[k];
			int sock = socks[!!strchr(c->remote, ':')];

			if (sock < 0 || !c->expects)
				continue;
			send_one(sock, c);
			sent++;
		}
	}
	return sent;
}

void wb_wake_send(const struct wb_ends_list *units)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000 * 1000};
	CLEAN_FD four = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	CLEAN_FD six = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	const int socks[] = {four, six};

	for (int round = 0; round < ROUNDS; round++) {
		if (!send_round(units, socks))
			return;
		nanosleep(&pause, NULL);
	}
}
