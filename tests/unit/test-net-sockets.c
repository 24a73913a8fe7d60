// SPDX-License-Identifier: LGPL-2.1-or-later
/* net/sockets.c, options.c and groups.c: what CRIU loses of a socket, with sockets of this machine. */
#define _GNU_SOURCE
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sockets.h"
#include "sys/sys.h"

static int get(int fd, int level, int name)
{
	int v = -1;
	socklen_t n = sizeof(v);

	assert_int_equal(getsockopt(fd, level, name, &v, &n), 0);
	return v;
}

static void set(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

/* As the manifest carries it. */
static void write_and_read(const struct wb_net_socket *s, struct wb_net_socket *ret)
{
	json_t *json = wb_json_write(wb_net_socket_fields, s);
	struct wb_error err = {};

	assert_non_null(json);
	assert_int_equal(wb_json_read(json, wb_net_socket_fields, "a socket", ret, &err), 0);
	json_decref(json);
}

/* Read a socket of this process, which is closed then; `now` gets back what was read. */
static int carry(int before, int now, struct wb_error *err)
{
	WB_CLEAN_NET_SOCKET s = {.pid = getpid(), .fd = before};
	WB_CLEAN_NET_SOCKET carried = {};
	struct wb_net_joined joined = {};
	int r;

	assert_int_equal(wb_net_joined_read(&wb_files_host, &joined), 0);
	r = wb_net_socket_read(before, &joined, &s, err);
	wb_net_joined_deinit(&joined);
	close(before);
	if (r <= 0)
		return r;
	write_and_read(&s, &carried);
	r = wb_net_socket_give(now, &carried, err);
	return r < 0 ? r : 1;
}

/* Why a socket is not carried. */
static const char *why_not(int fd, struct wb_error *err)
{
	assert_int_equal(carry(fd, -1, err), -EOPNOTSUPP);
	return err->text;
}

static void options_come_back(void **state)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct in_addr lo = {htonl(INADDR_LOOPBACK)}, is = {};
	socklen_t n = sizeof(is);
	int tstamp[2] = {1 << 4, 0}, stamp[2] = {};
	struct wb_error err = {};

	set(a, IPPROTO_IP, IP_RECVERR, 1);
	set(a, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	set(a, IPPROTO_IP, IP_MULTICAST_TTL, 9);
	set(a, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
	set(a, IPPROTO_IP, IP_UNICAST_IF, (int)htonl(1));
	set(a, IPPROTO_UDP, UDP_SEGMENT, 1000);
	set(a, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	assert_int_equal(setsockopt(a, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof(lo)), 0);
	assert_int_equal(setsockopt(a, SOL_SOCKET, SO_TIMESTAMPING, tstamp, sizeof(tstamp)), 0);
	assert_int_equal(carry(a, b, &err), 1);
	assert_int_equal(get(b, IPPROTO_IP, IP_RECVERR), 1);
	assert_int_equal(get(b, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
	assert_int_equal(get(b, IPPROTO_IP, IP_MULTICAST_TTL), 9);
	assert_int_equal(get(b, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
	assert_int_equal(get(b, IPPROTO_IP, IP_UNICAST_IF), htonl(1));
	assert_int_equal(get(b, IPPROTO_UDP, UDP_SEGMENT), 1000);
	assert_int_equal(get(b, SOL_SOCKET, SO_TIMESTAMPNS), 1);
	assert_int_equal(getsockopt(b, IPPROTO_IP, IP_MULTICAST_IF, &is, &n), 0);
	assert_int_equal(is.s_addr, lo.s_addr);
	n = sizeof(stamp);
	assert_int_equal(getsockopt(b, SOL_SOCKET, SO_TIMESTAMPING, stamp, &n), 0);
	assert_int_equal(stamp[0], 1 << 4);
	close(b);
}

static void tcp_options_come_back(void **state)
{
	int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0);
	char cc[16] = "", was[16] = "reno";
	socklen_t n = sizeof(cc);

	assert_int_equal(listen(a, 1), 0);
	assert_int_equal(listen(b, 1), 0);
	set(a, IPPROTO_TCP, TCP_DEFER_ACCEPT, 3);
	set(a, IPPROTO_TCP, TCP_USER_TIMEOUT, 4321);
	assert_int_equal(setsockopt(a, IPPROTO_TCP, TCP_CONGESTION, was, 4), 0);
	assert_int_equal(carry(a, b, NULL), 1);
	assert_int_equal(get(b, IPPROTO_TCP, TCP_DEFER_ACCEPT), 3);
	assert_int_equal(get(b, IPPROTO_TCP, TCP_USER_TIMEOUT), 4321);
	assert_int_equal(getsockopt(b, IPPROTO_TCP, TCP_CONGESTION, cc, &n), 0);
	assert_string_equal(cc, "reno");
	close(b);
	/* A socket as socket(2) makes it has nothing to carry. */
	assert_int_equal(carry(socket(AF_INET, SOCK_STREAM, 0), -1, NULL), 0);
	assert_int_equal(carry(socket(AF_INET, SOCK_DGRAM, 0), -1, NULL), 0);
	assert_int_equal(carry(socket(AF_UNIX, SOCK_DGRAM, 0), -1, NULL), 0);
}

static void check_no_multicast(int fd)
{
	WB_CLEAN_NET_SOCKET s = {.pid = getpid(), .fd = fd};
	struct wb_net_joined joined = {};

	assert_true(wb_net_socket_read(fd, &joined, &s, NULL) >= 0);
	close(fd);
	for (size_t i = 0; i < s.options.n; i++) {
		assert_false(s.options.items[i].level == IPPROTO_IP);
		assert_false(s.options.items[i].level == IPPROTO_IPV6 &&
			     s.options.items[i].name == IPV6_MULTICAST_HOPS);
		assert_false(s.options.items[i].level == IPPROTO_IPV6 &&
			     s.options.items[i].name == IPV6_MULTICAST_IF);
	}
}

/* It has the values of its first packet, which nothing can set. */
static void an_accepted_connection_has_nothing_to_carry(void **state)
{
	const struct sockaddr_in four = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const struct sockaddr_in6 six = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const void *const at[] = {&four, &six};

	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;
		socklen_t n = i ? sizeof(six) : sizeof(four);
		int listener = socket(family, SOCK_STREAM, 0),
		    client = socket(family, SOCK_STREAM, 0);
		struct sockaddr_storage name;
		int accepted;

		/* A machine without IPv6 has no such address. */
		if (bind(listener, at[i], n) == 0) {
			assert_int_equal(listen(listener, 1), 0);
			assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &n), 0);
			assert_int_equal(connect(client, (struct sockaddr *)&name, n), 0);
			accepted = accept(listener, NULL, NULL);
			assert_true(accepted >= 0);
			check_no_multicast(accepted);
		}
		close(listener);
		close(client);
	}
}

static void keys_of_tcp_md5_are_refused(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct tcp_md5sig key = {.tcpm_keylen = 3, .tcpm_key = "bgp"};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct wb_error err = {};

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(wb_net_has_md5(fd), 0);
	memcpy(&key.tcpm_addr, &a, sizeof(a));
	/* The kernel may be built without it, and root alone sees it. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof(key)) < 0 || geteuid()) {
		close(fd);
		skip();
	}
	assert_string_equal(why_not(fd, &err), "it has a socket with TCP-MD5 keys");
}

static struct group_req group_of(const char *text)
{
	struct group_req g = {.gr_interface = if_nametoindex("lo")};
	struct sockaddr_in *four = (struct sockaddr_in *)&g.gr_group;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&g.gr_group;

	g.gr_group.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(g.gr_group.ss_family, text,
				 strchr(text, ':') ? (void *)&six->sin6_addr : &four->sin_addr),
		1);
	return g;
}

/* The sources of a membership, as "1.2.3.4 "; after "+" if only these are heard. NULL: there is none. */
static const char *membership(int fd, const char *group, char ret[128])
{
	uint8_t space[GROUP_FILTER_SIZE(8)] = {};
	struct group_filter *f = (struct group_filter *)space;
	struct group_req g = group_of(group);
	socklen_t n = sizeof(space);
	char text[64];

	f->gf_interface = g.gr_interface;
	f->gf_group = g.gr_group;
	f->gf_numsrc = 8;
	if (getsockopt(fd, g.gr_group.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
		    MCAST_MSFILTER, f, &n) < 0)
		return NULL;
	strcpy(ret, f->gf_fmode == MCAST_INCLUDE ? "+" : "");
	for (uint32_t i = 0; i < f->gf_numsrc; i++) {
		inet_ntop(AF_INET, &((struct sockaddr_in *)&f->gf_slist[i])->sin_addr, text,
			sizeof(text));
		strcat(strcat(ret, text), " ");
	}
	return ret;
}

static void groups_come_back(void **state)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	int other = socket(AF_INET, SOCK_DGRAM, 0);
	struct group_req any = group_of("239.1.2.3"), block = group_of("239.1.2.4"),
			 foreign = group_of("239.1.2.6");
	struct group_source_req one = {.gsr_interface = any.gr_interface};
	struct wb_error err = {};
	char text[128];

	assert_int_equal(setsockopt(a, IPPROTO_IP, MCAST_JOIN_GROUP, &any, sizeof(any)), 0);
	assert_int_equal(setsockopt(a, IPPROTO_IP, MCAST_JOIN_GROUP, &block, sizeof(block)), 0);
	assert_int_equal(
		setsockopt(other, IPPROTO_IP, MCAST_JOIN_GROUP, &foreign, sizeof(foreign)), 0);
	one.gsr_group = block.gr_group;
	one.gsr_source = group_of("10.0.0.1").gr_group;
	assert_int_equal(setsockopt(a, IPPROTO_IP, MCAST_BLOCK_SOURCE, &one, sizeof(one)), 0);
	one.gsr_group = group_of("232.1.2.5").gr_group;
	assert_int_equal(setsockopt(a, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &one, sizeof(one)), 0);
	assert_int_equal(carry(a, b, &err), 1);
	assert_string_equal(membership(b, "239.1.2.3", text), "");
	assert_string_equal(membership(b, "239.1.2.4", text), "10.0.0.1 ");
	assert_string_equal(membership(b, "232.1.2.5", text), "+10.0.0.1 ");
	/* One that another socket is in. */
	assert_null(membership(b, "239.1.2.6", text));
	close(b);
	close(other);
}

static void an_ipv6_socket_has_groups_of_both(void **state)
{
	int a = socket(AF_INET6, SOCK_DGRAM, 0), b = socket(AF_INET6, SOCK_DGRAM, 0);
	struct group_req four = group_of("239.1.2.7"), six = group_of("ff15::1:2");
	struct wb_error err = {};
	char text[128];

	if (a < 0 || setsockopt(a, IPPROTO_IPV6, MCAST_JOIN_GROUP, &six, sizeof(six)) < 0)
		skip();
	assert_int_equal(setsockopt(a, IPPROTO_IP, MCAST_JOIN_GROUP, &four, sizeof(four)), 0);
	set(a, IPPROTO_IPV6, IPV6_MULTICAST_IF, 1);
	set(a, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
	set(a, IPPROTO_IP, IP_PKTINFO, 1);
	assert_int_equal(carry(a, b, &err), 1);
	assert_string_equal(membership(b, "239.1.2.7", text), "");
	assert_string_equal(membership(b, "ff15::1:2", text), "");
	assert_int_equal(get(b, IPPROTO_IPV6, IPV6_MULTICAST_IF), 1);
	assert_int_equal(get(b, IPPROTO_IPV6, IPV6_TCLASS), 0x20);
	assert_int_equal(get(b, IPPROTO_IP, IP_PKTINFO), 1);
	close(b);
}

static void a_group_on_a_virtual_link_is_refused(void **state)
{
	static const char igmp[] =
		"Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
		"1\tlo        :     1      V3\n"
		"\t\t\t\t010000E0     1 0:00000000\t\t0\n"
		"2\teth0      :     2      V3\n"
		"\t\t\t\tFB0000E0     1 0:00000000\t\t0\n"
		"\t\t\t\t030201EF     1 0:00000000\t\t0\n";
	static const char igmp6[] = "1    lo              ff020000000000000000000000000001     1 "
				    "0000000C 0\n";
	struct group_req any = group_of("239.1.2.3");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct wb_net_joined joined = {};
	WB_CLEAN_NET_SOCKET s = {};
	struct wb_error err = {};

	assert_int_equal(wb_net_joined_parse(igmp, false, &joined), 0);
	assert_int_equal(joined.members.n, 3);
	assert_int_equal(joined.members.items[2].index, 2);
	assert_memory_equal(joined.members.items[2].address, "\xef\x01\x02\x03", 4);
	assert_int_equal(wb_net_joined_parse(igmp6, true, &joined), 0);
	assert_int_equal(joined.members.n, 4);
	assert_int_equal(joined.members.items[3].address[15], 1);
	wb_net_joined_deinit(&joined);

	assert_int_equal(setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &any, sizeof(any)), 0);
	assert_int_equal(wb_net_joined_read(&wb_files_host, &joined), 0);
	wb_strv_deinit(&joined.hardware);
	assert_int_equal(wb_net_socket_read(fd, &joined, &s, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "it has joined a multicast group on lo, which the next boot "
				      "may make later than the service");
	wb_net_joined_deinit(&joined);
	close(fd);
}

static void half_a_datagram_is_refused(void **state)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int corked = socket(AF_INET, SOCK_DGRAM, 0), more = socket(AF_INET, SOCK_DGRAM, 0);
	int peek = socket(AF_INET, SOCK_DGRAM, 0);
	struct wb_error err = {};

	set(corked, IPPROTO_UDP, UDP_CORK, 1);
	assert_string_equal(why_not(corked, &err), "it has a socket with UDP_CORK set");
	assert_int_equal(sendto(more, "x", 1, MSG_MORE, (struct sockaddr *)&to, sizeof(to)), 1);
	assert_string_equal(why_not(more, &err), "it has a half written datagram (MSG_MORE)");
	set(peek, SOL_SOCKET, SO_PEEK_OFF, 1);
	assert_string_equal(why_not(peek, &err), "it has a socket with SO_PEEK_OFF set");
}

static void unread_datagrams_are_told(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct wb_net_joined joined = {};
	WB_CLEAN_NET_SOCKET s = {};
	socklen_t n = sizeof(at);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(wb_net_socket_read(fd, &joined, &s, NULL), 0);
	assert_false(s.unread);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&at, sizeof(at)), 1);
	assert_int_equal(wb_net_socket_read(fd, &joined, &s, NULL), 0);
	assert_true(s.unread);
	close(fd);
}

static int netlink(int protocol, uint32_t groups)
{
	struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (groups)
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static uint32_t port_of(int fd)
{
	struct sockaddr_nl at = {};
	socklen_t n = sizeof(at);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	return at.nl_pid;
}

static void netlink_comes_back(void **state)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK}, there = {};
	int a = netlink(NETLINK_ROUTE, RTMGRP_LINK), b = netlink(NETLINK_ROUTE, 0);
	struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	WB_CLEAN_NET_SOCKET s = {.pid = getpid(), .fd = a};
	struct wb_net_joined joined = {};
	socklen_t n = sizeof(there);
	struct wb_error err = {};

	set(a, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	set(a, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	assert_int_equal(connect(a, (struct sockaddr *)&kernel, sizeof(kernel)), 0);
	at.nl_pid = port_of(a);
	assert_int_equal(wb_net_joined_read(&wb_files_host, &joined), 0);
	assert_int_equal(wb_net_socket_read(a, &joined, &s, &err), 1);
	wb_net_joined_deinit(&joined);
	assert_true(s.follows);
	assert_int_equal(s.port, at.nl_pid);
	close(a);
	assert_int_equal(bind(b, (struct sockaddr *)&at, sizeof(at)), 0);
	/* Only root may connect to a group. */
	at.nl_pid = 0;
	at.nl_groups = 1u << 31;
	(void)connect(b, (struct sockaddr *)&at, sizeof(at));
	assert_int_equal(wb_net_socket_give(b, &s, &err), 0);
	assert_int_equal(get(b, SOL_NETLINK, NETLINK_EXT_ACK), 1);
	assert_int_equal(get(b, SOL_NETLINK, NETLINK_GET_STRICT_CHK), 1);
	assert_int_equal(getpeername(b, (struct sockaddr *)&there, &n), 0);
	assert_int_equal(there.nl_groups, 0);
	/* Another program had the address. */
	s.port++;
	assert_int_equal(wb_net_socket_give(b, &s, &err), -EPERM);
	assert_non_null(strstr(err.text, "another program has that one now"));
	/* An interface has another number. */
	s.port--;
	s.links.items[0].index += 7;
	assert_int_equal(wb_net_socket_give(b, &s, &err), -ENODEV);
	assert_non_null(strstr(err.text, "has the number"));
	/* It is no netlink socket any more. */
	close(b);
	b = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(wb_net_socket_give(b, &s, &err), -EPERM);
	close(b);
}

static void the_rights_of_all(void **state)
{
	struct wb_net_socket items[] = {{.domain = AF_INET},
		{.domain = AF_NETLINK, .rights = 0x3000}, {.domain = AF_NETLINK, .rights = 0x1400}};
	const struct wb_net_sockets all = {items, 3}, one = {items, 2}, none = {items, 1};

	assert_int_equal(wb_net_sockets_rights(&all), 0x1000);
	assert_int_equal(wb_net_sockets_rights(&one), 0x3000);
	assert_int_equal(wb_net_sockets_rights(&none), UINT64_MAX);
}

static void notes_the_rights_of_a_process(void **state)
{
	int fd = netlink(NETLINK_ROUTE, 0);
	WB_CLEAN_NET_SOCKETS all = {};
	int64_t pid = getpid(), rights = -1;
	char line[256], *end = NULL;
	FILE *f = fopen("/proc/self/status", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapPrm:", 7))
			rights = strtoll(line + 7, &end, 16);
	fclose(f);
	assert_int_equal(wb_net_sockets_note(&wb_files_host, &pid, 1, &all, NULL), 0);
	assert_int_equal(wb_net_sockets_rights(&all), rights);
	close(fd);
}

static void other_netlink_is_refused(void **state)
{
	struct nlmsghdr message = {.nlmsg_len = sizeof(message),
		.nlmsg_type = 0x10,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
	int fd = netlink(NETLINK_GENERIC, 0);
	struct wb_error err = {};

	assert_int_equal(carry(fd, netlink(NETLINK_GENERIC, 0), &err), 1);
	fd = netlink(NETLINK_GENERIC, 0);
	assert_int_equal(send(fd, &message, sizeof(message), 0), sizeof(message));
	assert_string_equal(why_not(fd, &err), "it has a generic netlink socket, and the next "
					       "kernel has other numbers for its families");
	fd = netlink(NETLINK_ROUTE, 0);
	assert_int_equal(send(fd, &message, sizeof(message), 0), sizeof(message));
	assert_string_equal(
		why_not(fd, &err), "it has a netlink socket with a message that it has not read");
	fd = netlink(NETLINK_ROUTE, 0);
	set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 33);
	assert_string_equal(why_not(fd, &err),
		"it has a netlink socket in a group above 32, which criu does not restore");
	fd = netlink(NETLINK_USERSOCK, 0);
	assert_string_equal(why_not(fd, &err), "it has a netlink socket of a kind that criu does "
					       "not restore (protocol 2)");
}

static void packet_sockets(void **state)
{
	struct tpacket_req ring = {
		.tp_block_size = 4096, .tp_block_nr = 1, .tp_frame_size = 2048, .tp_frame_nr = 2};
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex("lo"),
		.sll_protocol = htons(0x88cc)};
	struct packet_mreq all = {.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int a = socket(AF_PACKET, SOCK_RAW, 0), b = socket(AF_PACKET, SOCK_RAW, 0);
	int member = socket(AF_PACKET, SOCK_RAW, 0), share = socket(AF_PACKET, SOCK_RAW, htons(3));
	struct wb_error err = {};

	if (a < 0)
		skip();
	assert_int_equal(bind(a, (struct sockaddr *)&at, sizeof(at)), 0);
	set(a, SOL_PACKET, PACKET_AUXDATA, 1);
	set(a, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	assert_int_equal(carry(a, b, &err), 1);
	assert_int_equal(get(b, SOL_PACKET, PACKET_AUXDATA), 1);
	assert_int_equal(get(b, SOL_PACKET, PACKET_IGNORE_OUTGOING), 1);
	assert_int_equal(setsockopt(b, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)), 0);
	assert_non_null(strstr(why_not(b, &err), "with a ring"));
	/* The loopback hears all as it is. */
	assert_int_equal(
		setsockopt(member, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)), 0);
	assert_non_null(strstr(why_not(member, &err), "by which an interface hears more"));
	set(share, SOL_PACKET, PACKET_FANOUT, 0x7001);
	assert_non_null(strstr(why_not(share, &err), "PACKET_FANOUT"));
}

/* All sockets of a process, each once; afterwards, new ones have taken their descriptors. */
static void a_process_gets_all_back(void **state)
{
	/* High numbers, which no other descriptor gets. */
	int low = socket(AF_INET, SOCK_DGRAM, 0), a = fcntl(low, F_DUPFD, 500);
	int again = fcntl(a, F_DUPFD, 500), b;
	WB_CLEAN_NET_SOCKETS all = {};
	int64_t pid = getpid();
	struct wb_error err = {};
	size_t found = 0;

	close(low);
	set(a, IPPROTO_IP, IP_RECVTTL, 1);
	assert_int_equal(wb_net_sockets_note(&wb_files_host, &pid, 1, &all, &err), 0);
	for (size_t i = 0; i < all.n; i++)
		found += all.items[i].fd == a || all.items[i].fd == again;
	assert_int_equal(found, 1);
	b = socket(AF_INET, SOCK_DGRAM, 0);
	dup2(b, a);
	dup2(b, again);
	assert_int_equal(wb_net_sockets_give(&all, &err), 0);
	assert_int_equal(get(b, IPPROTO_IP, IP_RECVTTL), 1);
	close(a);
	close(again);
	assert_int_equal(wb_net_sockets_give(&all, &err), -ESRCH);
	close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_come_back),
		cmocka_unit_test(tcp_options_come_back),
		cmocka_unit_test(an_accepted_connection_has_nothing_to_carry),
		cmocka_unit_test(keys_of_tcp_md5_are_refused),
		cmocka_unit_test(groups_come_back),
		cmocka_unit_test(an_ipv6_socket_has_groups_of_both),
		cmocka_unit_test(a_group_on_a_virtual_link_is_refused),
		cmocka_unit_test(half_a_datagram_is_refused),
		cmocka_unit_test(unread_datagrams_are_told),
		cmocka_unit_test(netlink_comes_back),
		cmocka_unit_test(the_rights_of_all),
		cmocka_unit_test(notes_the_rights_of_a_process),
		cmocka_unit_test(other_netlink_is_refused),
		cmocka_unit_test(packet_sockets),
		cmocka_unit_test(a_process_gets_all_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
