// SPDX-License-Identifier: LGPL-2.1-or-later
/* Options of sockets that CRIU 4.1.1 does not restore. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/text.h"
#include "net/sockets.h"

/* Of other headers, or of newer ones than a build may have. */
#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif
#ifndef SO_RCVPRIORITY
#define SO_RCVPRIORITY 82
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif
#ifndef PACKET_VNET_HDR_SZ
#define PACKET_VNET_HDR_SZ 24
#endif
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#ifndef IPV6_ROUTER_ALERT_ISOLATE
#define IPV6_ROUTER_ALERT_ISOLATE 30
#endif
#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884 31
#endif
#define V6_2292PKTINFO 2
#define V6_2292HOPOPTS 3
#define V6_2292DSTOPTS 4
#define V6_2292RTHDR 5
#define V6_2292HOPLIMIT 8
#define V6_FLOWINFO 11
#define V6_FLOWINFO_SEND 33
#define V6_MINHOPCOUNT 73
#define V6_UNICAST_IF 76
#define V6_RECVFRAGSIZE 77
#define V4_RECVFRAGSIZE 25
#define V4_RECVERR_RFC4884 26
#define V4_NODEFRAG 22
#define V4_CHECKSUM 23
#define V4_BIND_ADDRESS_NO_PORT 24

/* The longest value: IPv6's options of one kind, which have at most 2,048 bytes. */
#define LONGEST 2048

enum kind {
	NUMBER,
	LINK,         /* the number of an interface; 0: none */
	LINK_NETWORK, /* the same in network byte order */
	BYTES,        /* of a fixed length */
	TEXT,         /* of any length up to LONGEST */
	LISTENING,    /* a number that the kernel changes once a connection is tried */
	NEVER,        /* a number; a socket with it would not come back as it was */
};

struct known {
	int level, name;
	enum kind kind;
	size_t size; /* BYTES */
	const char *word;
};

#define N(level, name)                        \
	{                                     \
		level, name, NUMBER, 0, #name \
	}
#define K(level, name, kind, size)             \
	{                                      \
		level, name, kind, size, #name \
	}

/*
 * In the order in which they are given back. Some are restored by CRIU for IPv4 and lost for an IPv6 socket that takes
 * IPv4, too. CRIU restores all others of these levels that can be read (criu/sockets.c, sk-inet.c, sk-tcp.c), and these
 * are of one moment only: SO_INCOMING_CPU, SO_PEEK_OFF, TCP_QUICKACK, IPV6_MTU.
 */
static const struct known table[] = {
	N(SOL_SOCKET, SO_DEBUG),
	N(SOL_SOCKET, SO_TIMESTAMP_OLD),
	N(SOL_SOCKET, SO_TIMESTAMPNS_OLD),
	N(SOL_SOCKET, SO_TIMESTAMP_NEW),
	N(SOL_SOCKET, SO_TIMESTAMPNS_NEW),
	K(SOL_SOCKET, SO_TIMESTAMPING_OLD, BYTES, 8),
	K(SOL_SOCKET, SO_TIMESTAMPING_NEW, BYTES, 8),
	N(SOL_SOCKET, SO_RXQ_OVFL),
	N(SOL_SOCKET, SO_WIFI_STATUS),
	K(SOL_SOCKET, SO_PEEK_OFF, NEVER, 0),
	N(SOL_SOCKET, SO_NOFCS),
	N(SOL_SOCKET, SO_SELECT_ERR_QUEUE),
	N(SOL_SOCKET, SO_BUSY_POLL),
	K(SOL_SOCKET, SO_MAX_PACING_RATE, BYTES, 8),
	N(SOL_SOCKET, SO_ZEROCOPY),
	K(SOL_SOCKET, SO_TXTIME, BYTES, 8),
	N(SOL_SOCKET, SO_PREFER_BUSY_POLL),
	N(SOL_SOCKET, SO_BUSY_POLL_BUDGET),
	N(SOL_SOCKET, SO_RESERVE_MEM),
	N(SOL_SOCKET, SO_TXREHASH),
	N(SOL_SOCKET, SO_RCVMARK),
	N(SOL_SOCKET, SO_RCVPRIORITY),
	N(IPPROTO_IP, IP_TOS),
	N(IPPROTO_IP, IP_TTL),
	K(IPPROTO_IP, IP_OPTIONS, TEXT, 0),
	N(IPPROTO_IP, IP_ROUTER_ALERT),
	N(IPPROTO_IP, IP_RECVOPTS),
	N(IPPROTO_IP, IP_RETOPTS),
	N(IPPROTO_IP, IP_PKTINFO),
	N(IPPROTO_IP, IP_MTU_DISCOVER),
	N(IPPROTO_IP, IP_RECVERR),
	N(IPPROTO_IP, IP_RECVTTL),
	N(IPPROTO_IP, IP_RECVTOS),
	N(IPPROTO_IP, IP_FREEBIND),
	N(IPPROTO_IP, IP_PASSSEC),
	N(IPPROTO_IP, IP_TRANSPARENT),
	N(IPPROTO_IP, IP_RECVORIGDSTADDR),
	N(IPPROTO_IP, IP_MINTTL),
	N(IPPROTO_IP, V4_NODEFRAG),
	N(IPPROTO_IP, V4_CHECKSUM),
	N(IPPROTO_IP, V4_BIND_ADDRESS_NO_PORT),
	N(IPPROTO_IP, V4_RECVFRAGSIZE),
	N(IPPROTO_IP, V4_RECVERR_RFC4884),
	K(IPPROTO_IP, IP_UNICAST_IF, LINK_NETWORK, 0),
	/* The address of an interface. */
	K(IPPROTO_IP, IP_MULTICAST_IF, BYTES, 4),
	N(IPPROTO_IP, IP_MULTICAST_TTL),
	N(IPPROTO_IP, IP_MULTICAST_LOOP),
	N(IPPROTO_IP, IP_MULTICAST_ALL),
	N(IPPROTO_IP, IP_LOCAL_PORT_RANGE),
	N(IPPROTO_IPV6, V6_2292PKTINFO),
	N(IPPROTO_IPV6, V6_2292HOPOPTS),
	N(IPPROTO_IPV6, V6_2292DSTOPTS),
	N(IPPROTO_IPV6, V6_2292RTHDR),
	N(IPPROTO_IPV6, IPV6_CHECKSUM),
	N(IPPROTO_IPV6, V6_2292HOPLIMIT),
	N(IPPROTO_IPV6, V6_FLOWINFO),
	N(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
	K(IPPROTO_IPV6, IPV6_MULTICAST_IF, LINK, 0),
	N(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
	N(IPPROTO_IPV6, IPV6_MULTICAST_LOOP),
	N(IPPROTO_IPV6, IPV6_MULTICAST_ALL),
	N(IPPROTO_IPV6, IPV6_MTU_DISCOVER),
	N(IPPROTO_IPV6, IPV6_RECVERR),
	N(IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE),
	N(IPPROTO_IPV6, IPV6_RECVERR_RFC4884),
	N(IPPROTO_IPV6, V6_FLOWINFO_SEND),
	N(IPPROTO_IPV6, IPV6_RECVPKTINFO),
	N(IPPROTO_IPV6, IPV6_RECVHOPLIMIT),
	N(IPPROTO_IPV6, IPV6_RECVHOPOPTS),
	K(IPPROTO_IPV6, IPV6_HOPOPTS, TEXT, 0),
	K(IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, TEXT, 0),
	N(IPPROTO_IPV6, IPV6_RECVRTHDR),
	K(IPPROTO_IPV6, IPV6_RTHDR, TEXT, 0),
	N(IPPROTO_IPV6, IPV6_RECVDSTOPTS),
	K(IPPROTO_IPV6, IPV6_DSTOPTS, TEXT, 0),
	N(IPPROTO_IPV6, IPV6_RECVPATHMTU),
	N(IPPROTO_IPV6, IPV6_DONTFRAG),
	N(IPPROTO_IPV6, IPV6_RECVTCLASS),
	N(IPPROTO_IPV6, IPV6_TCLASS),
	N(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL),
	N(IPPROTO_IPV6, IPV6_ADDR_PREFERENCES),
	N(IPPROTO_IPV6, V6_MINHOPCOUNT),
	N(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR),
	N(IPPROTO_IPV6, IPV6_TRANSPARENT),
	K(IPPROTO_IPV6, V6_UNICAST_IF, LINK_NETWORK, 0),
	N(IPPROTO_IPV6, V6_RECVFRAGSIZE),
	/* A module of the kernel has a state of its own for the socket. */
	K(IPPROTO_UDP, UDP_ENCAP, NEVER, 0),
	/* A datagram may be half written. */
	K(IPPROTO_UDP, UDP_CORK, NEVER, 0),
	N(IPPROTO_UDP, UDP_NO_CHECK6_TX),
	N(IPPROTO_UDP, UDP_NO_CHECK6_RX),
	N(IPPROTO_UDP, UDP_SEGMENT),
	N(IPPROTO_UDP, UDP_GRO),
	K(IPPROTO_TCP, TCP_MAXSEG, LISTENING, 0),
	N(IPPROTO_TCP, TCP_SYNCNT),
	N(IPPROTO_TCP, TCP_LINGER2),
	N(IPPROTO_TCP, TCP_DEFER_ACCEPT),
	K(IPPROTO_TCP, TCP_WINDOW_CLAMP, LISTENING, 0),
	K(IPPROTO_TCP, TCP_CONGESTION, BYTES, 16),
	N(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS),
	N(IPPROTO_TCP, TCP_USER_TIMEOUT),
	K(IPPROTO_TCP, TCP_FASTOPEN, LISTENING, 0),
	N(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
	N(IPPROTO_TCP, TCP_SAVE_SYN),
	N(IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
	N(IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE),
	N(IPPROTO_TCP, TCP_INQ),
	N(IPPROTO_TCP, TCP_TX_DELAY),
	N(IPPROTO_TCP, TCP_RTO_MAX_MS),
	N(SOL_NETLINK, NETLINK_PKTINFO),
	N(SOL_NETLINK, NETLINK_BROADCAST_ERROR),
	N(SOL_NETLINK, NETLINK_NO_ENOBUFS),
	/* It gets events by the rights of its opener alone, with numbers of namespaces that end with the kernel. */
	K(SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, NEVER, 0),
	N(SOL_NETLINK, NETLINK_CAP_ACK),
	N(SOL_NETLINK, NETLINK_EXT_ACK),
	N(SOL_NETLINK, NETLINK_GET_STRICT_CHK),
	N(SOL_PACKET, PACKET_COPY_THRESH),
	N(SOL_PACKET, PACKET_AUXDATA),
	N(SOL_PACKET, PACKET_ORIGDEV),
	N(SOL_PACKET, PACKET_VERSION),
	N(SOL_PACKET, PACKET_RESERVE),
	N(SOL_PACKET, PACKET_LOSS),
	N(SOL_PACKET, PACKET_VNET_HDR),
	N(SOL_PACKET, PACKET_TIMESTAMP),
	N(SOL_PACKET, PACKET_TX_HAS_OFF),
	N(SOL_PACKET, PACKET_QDISC_BYPASS),
	N(SOL_PACKET, PACKET_IGNORE_OUTGOING),
	N(SOL_PACKET, PACKET_VNET_HDR_SZ),
	/* The last one: the filter, which CRIU has restored, cannot be changed after it. */
	N(SOL_SOCKET, SO_LOCK_FILTER),
};

static bool has_level(const struct wb_net_socket *s, int level)
{
	switch (level) {
	case IPPROTO_IP:
		return s->domain == AF_INET || (s->domain == AF_INET6 && s->type != SOCK_RAW);
	case IPPROTO_IPV6:
		return s->domain == AF_INET6;
	case IPPROTO_UDP:
		return s->domain != AF_NETLINK && s->type == SOCK_DGRAM && s->protocol == level;
	case IPPROTO_TCP:
		return s->domain != AF_NETLINK && s->type == SOCK_STREAM && s->protocol == level;
	case SOL_NETLINK:
		return s->domain == AF_NETLINK;
	case SOL_PACKET:
		return s->domain == AF_PACKET;
	default:
		return true;
	}
}

static size_t size_of(const struct known *k)
{
	if (k->kind == TEXT)
		return LONGEST;
	return k->kind == BYTES ? k->size : sizeof(int);
}

/* The length; negative: this socket or kernel does not have the option. */
static ssize_t get(int fd, const struct known *k, uint8_t ret[LONGEST])
{
	socklen_t n = (socklen_t)size_of(k);

	memset(ret, 0, n);
	return getsockopt(fd, k->level, k->name, ret, &n) < 0 ? -1 : (ssize_t)n;
}

static int number_in(const uint8_t *bytes)
{
	int v;

	memcpy(&v, bytes, sizeof(v));
	return v;
}

static bool is_link(const struct known *k)
{
	return k->kind == LINK || k->kind == LINK_NETWORK;
}

static int add(const struct known *k, const uint8_t *bytes, size_t n, struct wb_net_socket *s,
	struct wb_error *err)
{
	unsigned index = (unsigned)(is_link(k) ? number_in(bytes) : 0);
	struct wb_net_option *o;
	char name[IF_NAMESIZE];

	if (k->kind == NEVER)
		return wb_fail(err, -EOPNOTSUPP, "it has a socket with %s set", k->word);
	if (k->kind == LINK_NETWORK)
		index = ntohl(index);
	if (is_link(k) && !if_indextoname(index, name))
		return wb_fail(err, -EOPNOTSUPP,
			"it has a socket with %s set to an interface that is gone", k->word);
	o = wb_list_add(&s->options, sizeof(*o));
	if (!o)
		return wb_oom(err);
	o->level = k->level;
	o->name = k->name;
	if (is_link(k)) {
		o->link = strdup(name);
		return o->link ? 0 : wb_oom(err);
	}
	o->value = malloc(2 * n + 1);
	if (!o->value)
		return wb_oom(err);
	wb_hex_write(bytes, n, o->value);
	return 0;
}

/*
 * A connection that was accepted has values here that came with its first packet, and that nothing can set
 * (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock()). A stream has no use for them.
 */
static bool is_of_packets(const struct known *k)
{
	if (k->level == IPPROTO_IP)
		return k->name == IP_MULTICAST_TTL || k->name == IP_MULTICAST_IF;
	return k->level == IPPROTO_IPV6 &&
	       (k->name == IPV6_MULTICAST_HOPS || k->name == IPV6_MULTICAST_IF);
}

int wb_net_options_read(int fd, int fresh, struct wb_net_socket *s, struct wb_error *err)
{
	int listens = 0, r = 0;
	socklen_t size = sizeof(listens);

	(void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
	for (size_t i = 0; r == 0 && i < sizeof(table) / sizeof(*table); i++) {
		const struct known *k = &table[i];
		uint8_t here[LONGEST], usual[LONGEST];
		ssize_t n, m;

		if (!has_level(s, k->level) || (k->kind == LISTENING && !listens) ||
			(s->type == SOCK_STREAM && is_of_packets(k)))
			continue;
		n = get(fd, k, here);
		m = n < 0 ? n : get(fresh, k, usual);
		if (n >= 0 && (n != m || memcmp(here, usual, (size_t)n)))
			r = add(k, here, (size_t)n, s, err);
	}
	return r;
}

/* ---- back ---- */

static const struct known *find(const struct wb_net_option *o)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].level == o->level && table[i].name == o->name)
			return &table[i];
	return NULL;
}

/* The bytes of a value. -EBADMSG: there are too many; -ENODEV. */
static ssize_t value_of(const struct known *k, const struct wb_net_option *o, uint8_t ret[LONGEST])
{
	size_t n = o->value ? strlen(o->value) / 2 : 0;
	unsigned index;

	if (is_link(k)) {
		index = o->link ? if_nametoindex(o->link) : 0;
		if (!index)
			return -ENODEV;
		if (k->kind == LINK_NETWORK)
			index = htonl(index);
		memcpy(ret, &index, sizeof(index));
		return sizeof(index);
	}
	if (!o->value || n > size_of(k) || !wb_hex_read(o->value, n, ret))
		return -EBADMSG;
	return (ssize_t)n;
}

static bool has(int fd, const struct known *k, const uint8_t *want, ssize_t n)
{
	uint8_t now[LONGEST];

	return get(fd, k, now) == n && !memcmp(now, want, (size_t)n);
}

static int give(int fd, const struct wb_net_option *o, struct wb_error *err)
{
	const struct known *k = find(o);
	uint8_t want[LONGEST];
	ssize_t n;

	if (!k || k->kind == NEVER)
		return wb_fail(err, -EPERM, "a socket has an option that is not known");
	n = value_of(k, o, want);
	if (n == -ENODEV)
		return wb_fail(err, -ENODEV, "there is no interface %s for the %s of its socket",
			o->link ? o->link : "", k->word);
	if (n < 0)
		return wb_fail(err, -EPERM, "%s of a socket is not as it was read", k->word);
	if (has(fd, k, want, n))
		return 0;
	if (setsockopt(fd, k->level, k->name, want, (socklen_t)n) < 0)
		return wb_fail(err, -EREMOTEIO, "%s of its socket cannot be set again: %s", k->word,
			strerror(errno));
	if (!has(fd, k, want, n))
		return wb_fail(err, -EREMOTEIO, "%s of its socket is not what it was", k->word);
	return 0;
}

int wb_net_options_give(int fd, const struct wb_net_socket *s, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->options.n; i++)
		r = give(fd, &s->options.items[i], err);
	return r;
}
