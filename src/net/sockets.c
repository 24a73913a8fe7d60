// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parts of a socket that CRIU loses are read before a jump, and given back after it. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/json.h"
#include "net/net.h"
#include "net/sockets.h"
#include "sys/below.h"

#ifndef TCP_AO_INFO
#define TCP_AO_INFO 40
#endif
/* Datagrams on their way out change from one moment to the next; one that is half written stays. */
#define LOOKS 20
#define PAUSE_NS 1000000
#define LARGEST_STATUS (1u << 16)
/* So many fit into the largest receive buffer that Debian allows. */
#define MOST_PACKETS (1 << 16)

#define ROW(type, ...) WB_JSON_ROW(struct type, __VA_ARGS__)

static bool valid_hex(const char *s)
{
	size_t n = strlen(s);

	return n % 2 == 0 && strspn(s, "0123456789abcdef") == n;
}

static const struct wb_json_field option_fields[] = {
	ROW(wb_net_option, level, WB_JSON_INT, .max = INT32_MAX, .needed = true),
	ROW(wb_net_option, name, WB_JSON_INT, .max = INT32_MAX, .needed = true),
	ROW(wb_net_option, value, WB_JSON_STRING, .valid = valid_hex),
	ROW(wb_net_option, link, WB_JSON_STRING, .valid = wb_net_valid_name),
	{},
};

static const struct wb_json_field group_fields[] = {
	ROW(wb_net_group, group, WB_JSON_STRING, .valid = wb_net_valid_address, .needed = true),
	ROW(wb_net_group, link, WB_JSON_STRING, .valid = wb_net_valid_name, .needed = true),
	ROW(wb_net_group, include, WB_JSON_BOOL, .sparse = true),
	ROW(wb_net_group, sources, WB_JSON_STRINGS, .valid = wb_net_valid_address, .sparse = true),
	{},
};

static const struct wb_json_field index_fields[] = {
	ROW(wb_net_index, name, WB_JSON_STRING, .valid = wb_net_valid_name, .needed = true),
	ROW(wb_net_index, index, WB_JSON_INT, .min = 1, .max = INT32_MAX, .needed = true),
	{},
};

const struct wb_json_field wb_net_socket_fields[] = {
	ROW(wb_net_socket, pid, WB_JSON_INT, .min = 2, .max = INT32_MAX, .needed = true),
	ROW(wb_net_socket, fd, WB_JSON_INT, .max = INT32_MAX, .needed = true),
	ROW(wb_net_socket, domain, WB_JSON_INT, .max = INT32_MAX, .needed = true),
	ROW(wb_net_socket, type, WB_JSON_INT, .max = INT32_MAX, .needed = true),
	ROW(wb_net_socket, protocol, WB_JSON_INT, .max = INT32_MAX, .needed = true),
	WB_JSON_ROWS(
		struct wb_net_socket, options, option_fields, WB_NET_MOST_OPTIONS, .sparse = true),
	WB_JSON_ROWS(
		struct wb_net_socket, groups, group_fields, WB_NET_MOST_GROUPS, .sparse = true),
	ROW(wb_net_socket, port, WB_JSON_INT, .max = UINT32_MAX, .sparse = true),
	ROW(wb_net_socket, rights, WB_JSON_INT, .max = INT64_MAX, .sparse = true),
	WB_JSON_ROWS(struct wb_net_socket, links, index_fields, WB_NET_MOST, .sparse = true),
	{},
};

void wb_net_socket_deinit(struct wb_net_socket *s)
{
	wb_json_free(wb_net_socket_fields, s);
	*s = (struct wb_net_socket){};
}

void wb_net_sockets_deinit(struct wb_net_sockets *all)
{
	for (size_t i = 0; i < all->n; i++)
		wb_net_socket_deinit(&all->items[i]);
	free(all->items);
	*all = (struct wb_net_sockets){};
}

static int get_int(int fd, int level, int name)
{
	socklen_t n = sizeof(int);
	int v = -1;

	return getsockopt(fd, level, name, &v, &n) < 0 ? -1 : v;
}

/* ---- before: each kind's own ---- */

static int add_link(struct wb_net_socket *s, const char *name, unsigned index)
{
	struct wb_net_index *i = wb_list_add(&s->links, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->index = index;
	i->name = strdup(name);
	return i->name ? 0 : -ENOMEM;
}

/*
 * A datagram that was begun with MSG_MORE is lost, and what follows would be taken for the whole. The kernel counts it
 * with the datagrams that the network card has not sent yet.
 */
static bool is_half_written(int fd)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int first = 0, bytes = 0;

	if (ioctl(fd, SIOCOUTQ, &first) < 0 || !first)
		return false;
	for (int i = 0; i < LOOKS; i++) {
		nanosleep(&pause, NULL);
		if (ioctl(fd, SIOCOUTQ, &bytes) < 0 || bytes != first)
			return false;
	}
	return true;
}

static int read_inet(int fd, struct wb_net_socket *s, struct wb_error *err)
{
	uint8_t state[256] = {};
	socklen_t n = sizeof(state);
	int waiting = 0, md5;

	if (s->type == SOCK_DGRAM && s->protocol != IPPROTO_UDP && s->protocol != IPPROTO_UDPLITE)
		return wb_fail(err, -EOPNOTSUPP, "it has an ICMP socket without privileges (ping)");
	if (s->type == SOCK_RAW && s->domain == AF_INET && s->protocol == IPPROTO_IGMP)
		return wb_fail(err, -EOPNOTSUPP,
			"it has an IGMP socket, by which it may route multicast packets");
	if (s->type == SOCK_DGRAM) {
		if (is_half_written(fd))
			return wb_fail(
				err, -EOPNOTSUPP, "it has a half written datagram (MSG_MORE)");
		s->unread = ioctl(fd, SIOCINQ, &waiting) == 0 && waiting > 0;
	}
	if (s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP &&
		getsockopt(fd, IPPROTO_TCP, TCP_AO_INFO, state, &n) == 0)
		return wb_fail(err, -EOPNOTSUPP, "it has a connection with TCP-AO keys");
	if (s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP && (md5 = wb_net_has_md5(fd)))
		return wb_fail(err, -EOPNOTSUPP,
			md5 > 0 ? "it has a socket with TCP-MD5 keys"
				: "the kernel does not tell whether a socket of it has TCP-MD5 "
				  "keys");
	return 0;
}

/* Interfaces of hardware. Others come later in the next boot, and this socket then tells their numbers. */
static int add_hardware(struct wb_net_socket *s, const struct wb_net_joined *joined)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < joined->hardware.n; i++) {
		unsigned index = if_nametoindex(joined->hardware.items[i]);

		if (index)
			r = add_link(s, joined->hardware.items[i], index);
	}
	return r;
}

/*
 * CRIU binds a socket to its old address, or takes another one without a word (criu/sk-netlink.c, open_netlink_sk()). It
 * fails if the socket has messages that were not read.
 */
static int read_netlink(
	int fd, struct wb_net_socket *s, const struct wb_net_joined *joined, struct wb_error *err)
{
	struct sockaddr_nl here = {}, there = {};
	uint32_t groups[64] = {};
	socklen_t n = sizeof(here), m = sizeof(there), bytes = sizeof(groups);
	struct pollfd waiting = {fd, POLLIN, 0};
	bool far = false;

	if (s->protocol != NETLINK_ROUTE && s->protocol != NETLINK_SOCK_DIAG &&
		s->protocol != NETLINK_KOBJECT_UEVENT && s->protocol != NETLINK_GENERIC)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a netlink socket of a kind that criu does not restore (protocol "
			"%lld)",
			(long long)s->protocol);
	if (getsockname(fd, (struct sockaddr *)&here, &n) < 0 ||
		getpeername(fd, (struct sockaddr *)&there, &m) < 0)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a netlink socket that does not tell its "
			"address");
	s->port = here.nl_pid;
	if (there.nl_pid || there.nl_groups)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a netlink socket that is connected to a program or a group");
	if (getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &bytes) < 0 ||
		bytes > sizeof(groups))
		return wb_fail(err, -EOPNOTSUPP,
			"it has a netlink socket that does not tell its "
			"groups");
	for (size_t i = 0; i < bytes / sizeof(*groups); i++) {
		s->follows |= groups[i] != 0;
		far |= i && groups[i];
	}
	if (far)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a netlink socket in a group above 32, which criu does not restore");
	/* The numbers of families are given as modules are loaded. */
	if (s->protocol == NETLINK_GENERIC && (s->port || s->follows))
		return wb_fail(err, -EOPNOTSUPP,
			"it has a generic netlink socket, and the next kernel has other numbers "
			"for its families");
	if (poll(&waiting, 1, 0) != 0)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a netlink socket with a message that it has not read");
	if (s->protocol == NETLINK_ROUTE && add_hardware(s, joined) < 0)
		return wb_oom(err);
	return 1;
}

/*
 * The kernel refuses to set even the same version while the socket has a ring (net/packet/af_packet.c). After the jump
 * the kernel would begin a new ring at its start, and the process goes on in the middle of the old one.
 */
static bool has_ring(int fd)
{
	int version = get_int(fd, SOL_PACKET, PACKET_VERSION);

	return setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0;
}

static int read_packet(
	int fd, struct wb_net_socket *s, const struct wb_net_joined *joined, struct wb_error *err)
{
	struct sockaddr_ll here = {};
	socklen_t n = sizeof(here);
	char name[IF_NAMESIZE] = "";
	struct stat st;
	int r;

	if (s->type != SOCK_RAW && s->type != SOCK_DGRAM)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a packet socket of an old kind "
			"(SOCK_PACKET)");
	r = fstat(fd, &st) < 0 ? -errno : wb_net_packet_belongs((uint32_t)st.st_ino);
	if (r < 0)
		return wb_fail(err, -EOPNOTSUPP,
			"the kernel does not tell its packet sockets' groups (af_packet_diag): %s",
			strerror(-r));
	if (r)
		return wb_fail(err, -EOPNOTSUPP, "it has a packet socket %s",
			r & WB_NET_PACKET_FANOUT
				? "that shares packets with others (PACKET_FANOUT)"
				: "by which an interface hears more (PACKET_ADD_MEMBERSHIP)");
	if (has_ring(fd))
		return wb_fail(err, -EOPNOTSUPP,
			"it has a packet socket with a ring (PACKET_RX_RING), which begins anew");
	if (joined->added)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a packet socket, and an interface hears addresses that a program "
			"has added (SIOCADDMULTI)");
	if (getsockname(fd, (struct sockaddr *)&here, &n) < 0)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a packet socket that does not tell its "
			"interface");
	if (!here.sll_ifindex)
		return 1;
	if (here.sll_ifindex < 0 || !if_indextoname((unsigned)here.sll_ifindex, name) ||
		!wb_strv_has(&joined->hardware, name))
		return wb_fail(err, -EOPNOTSUPP,
			"it has a packet socket on %s, which the next boot may make later than "
			"the service",
			*name ? name : "an interface that is gone");
	return add_link(s, name, (unsigned)here.sll_ifindex) < 0 ? wb_oom(err) : 1;
}

/* A new socket of the same kind, as CRIU makes it. A packet socket without a protocol hears nothing. */
static int make_fresh(const struct wb_net_socket *s)
{
	return socket((int)s->domain, (int)s->type | SOCK_CLOEXEC,
		s->domain == AF_PACKET ? 0 : (int)s->protocol);
}

static int read_socket(
	int fd, const struct wb_net_joined *joined, struct wb_net_socket *s, struct wb_error *err)
{
	WB_CLEAN_FD fresh = -1;
	int r, always = 0;

	if (s->domain == AF_NETLINK)
		r = always = read_netlink(fd, s, joined, err);
	else if (s->domain == AF_PACKET)
		r = always = read_packet(fd, s, joined, err);
	else
		r = read_inet(fd, s, err);
	if (r < 0)
		return r;
	fresh = make_fresh(s);
	if (fresh < 0)
		return wb_fail(err, -EOPNOTSUPP,
			"it has a socket whose options cannot be compared with a new one's: %s",
			strerror(errno));
	r = wb_net_options_read(fd, fresh, s, err);
	if (r == 0 && s->domain != AF_NETLINK && s->domain != AF_PACKET && s->type != SOCK_STREAM)
		r = wb_net_groups_read(fd, joined, s, err);
	if (r < 0)
		return r;
	if (s->options.n > WB_NET_MOST_OPTIONS || s->groups.n > WB_NET_MOST_GROUPS)
		return wb_fail(err, -EOPNOTSUPP, "it has a socket in more than %d multicast groups",
			WB_NET_MOST_GROUPS);
	return always || s->options.n || s->groups.n;
}

int wb_net_socket_read(
	int fd, const struct wb_net_joined *joined, struct wb_net_socket *ret, struct wb_error *err)
{
	struct wb_net_socket s = {.pid = ret->pid,
		.fd = ret->fd,
		.domain = get_int(fd, SOL_SOCKET, SO_DOMAIN),
		.type = get_int(fd, SOL_SOCKET, SO_TYPE),
		.protocol = get_int(fd, SOL_SOCKET, SO_PROTOCOL)};
	int r;

	if (s.domain != AF_INET && s.domain != AF_INET6 && s.domain != AF_NETLINK &&
		s.domain != AF_PACKET)
		return 0;
	/* CRIU does not take these, and the preflight says so. */
	if ((s.domain == AF_INET || s.domain == AF_INET6) && s.protocol > UINT8_MAX)
		return 0;
	r = read_socket(fd, joined, &s, err);
	if (r == 1 || (r == 0 && s.unread))
		*ret = s;
	else
		wb_net_socket_deinit(&s);
	return r;
}

/* ---- before: all of a unit ---- */

/* Sockets that were read, by their inodes. */
typedef WB_LIST(ino_t) inodes;

struct noting {
	const struct wb_files *files;
	struct wb_net_joined joined;
	inodes known;
	struct wb_net_sockets *ret;
};

/* "CapPrm:\t000001ffffffffff" in proc_pid_status(5). */
static int64_t rights_of(const struct wb_files *files, int64_t pid)
{
	static const char key[] = "\nCapPrm:\t";
	WB_CLEAN_BLOB b = {};
	char path[64];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%lld/status", (long long)pid);
	if (files->read(files->ctx, path, LARGEST_STATUS, &b, NULL) < 0)
		return 0;
	at = strstr((const char *)b.data, key);
	return at ? (int64_t)(strtoull(at + strlen(key), NULL, 16) & INT64_MAX) : 0;
}

static int note_fd(struct noting *t, int pidfd, int64_t pid, int number, struct wb_error *err)
{
	WB_CLEAN_FD fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	WB_CLEAN_NET_SOCKET s = {.pid = pid, .fd = number};
	struct wb_net_socket *to;
	struct stat st;
	ino_t *inode;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		return 0;
	for (size_t i = 0; i < t->known.n; i++)
		if (t->known.items[i] == st.st_ino)
			return 0;
	r = wb_net_socket_read(fd, &t->joined, &s, err);
	if (r <= 0)
		return r;
	if (t->ret->n >= WB_NET_MOST_SOCKETS)
		return wb_fail(err, -E2BIG, "it has more than %d sockets with options",
			WB_NET_MOST_SOCKETS);
	inode = wb_list_add(&t->known, sizeof(*inode));
	to = inode ? wb_list_add(t->ret, sizeof(*to)) : NULL;
	if (!to)
		return wb_oom(err);
	*inode = st.st_ino;
	if (s.domain == AF_NETLINK)
		s.rights = rights_of(t->files, pid);
	*to = s;
	s = (struct wb_net_socket){};
	return 0;
}

uint64_t wb_net_sockets_rights(const struct wb_net_sockets *all)
{
	uint64_t rights = UINT64_MAX;

	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].domain == AF_NETLINK)
			rights &= (uint64_t)all->items[i].rights;
	return rights;
}

static int note_process(struct noting *t, int64_t pid, struct wb_error *err)
{
	WB_CLEAN_FD pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	WB_CLEAN_STRV fds = {};
	char dir[64], path[128];
	int r = 0;

	snprintf(dir, sizeof(dir), "/proc/%lld/fd", (long long)pid);
	if (pidfd < 0 || t->files->list(t->files->ctx, dir, &fds, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < fds.n; i++) {
		WB_CLEAN_STR link = NULL;

		snprintf(path, sizeof(path), "%s/%.20s", dir, fds.items[i]);
		if (t->files->readlink(t->files->ctx, path, &link, NULL) == 0 &&
			!strncmp(link, "socket:", 7))
			r = note_fd(t, pidfd, pid, atoi(fds.items[i]), err);
	}
	return r;
}

int wb_net_sockets_note(const struct wb_files *files, const int64_t *pids, size_t n_pids,
	struct wb_net_sockets *ret, struct wb_error *err)
{
	struct noting t = {.files = files, .ret = ret};
	int r = wb_net_joined_read(files, &t.joined) < 0 ? wb_oom(err) : 0;

	for (size_t i = 0; r == 0 && i < n_pids; i++)
		r = note_process(&t, pids[i], err);
	wb_net_joined_deinit(&t.joined);
	free(t.known.items);
	return r;
}

/* ---- after ---- */

static int check_links(const struct wb_net_socket *s, struct wb_error *err)
{
	for (size_t i = 0; i < s->links.n; i++) {
		const struct wb_net_index *l = &s->links.items[i];
		unsigned now = if_nametoindex(l->name);

		/* A card that is found later is new to the process, and the socket tells it. */
		if (now ? now == l->index : s->domain == AF_NETLINK)
			continue;
		if (!now)
			return wb_fail(err, -ENODEV,
				"there is no interface %s for its packet socket", l->name);
		return wb_fail(err, -ENODEV,
			"the interface %s has the number %u and had %lld, which it knows from a "
			"%s socket",
			l->name, now, (long long)l->index,
			s->domain == AF_PACKET ? "packet" : "netlink");
	}
	return 0;
}

/*
 * A socket that was connected to the kernel is connected to the kernel and to group 32, since CRIU takes 1 << (0 - 1)
 * for no group.
 */
static int give_netlink(int fd, const struct wb_net_socket *s, struct wb_error *err)
{
	struct sockaddr_nl here = {}, there = {}, kernel = {.nl_family = AF_NETLINK};
	socklen_t n = sizeof(here), m = sizeof(there);

	if (getsockname(fd, (struct sockaddr *)&here, &n) < 0 || here.nl_pid != s->port)
		return wb_fail(err, -EPERM,
			"a netlink socket has the address %u and had %lld: another program has "
			"that one now",
			here.nl_pid, (long long)s->port);
	if (getpeername(fd, (struct sockaddr *)&there, &m) == 0 &&
		(there.nl_groups || there.nl_pid) &&
		connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return wb_fail(err, -EREMOTEIO, "a netlink socket cannot be connected again: %s",
			strerror(errno));
	return 0;
}

/*
 * CRIU binds a packet socket and sets its filter when it is open. Packets that came in between are from other interfaces,
 * and passed no filter. An interface that was not up yet has left an error.
 */
static void empty_packet(int fd)
{
	char byte;

	(void)get_int(fd, SOL_SOCKET, SO_ERROR);
	/* Packets may come as fast as they are taken. */
	for (int i = 0; i < MOST_PACKETS; i++)
		if (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0 && errno != EINTR)
			break;
}

int wb_net_socket_give(int fd, const struct wb_net_socket *s, struct wb_error *err)
{
	int r;

	if (get_int(fd, SOL_SOCKET, SO_DOMAIN) != s->domain ||
		get_int(fd, SOL_SOCKET, SO_PROTOCOL) != s->protocol ||
		/* CRIU makes every netlink socket a raw one, which is the same (netlink(7)). */
		(s->domain != AF_NETLINK && get_int(fd, SOL_SOCKET, SO_TYPE) != s->type))
		return wb_fail(err, -EPERM, "descriptor %lld of its process %lld is another one",
			(long long)s->fd, (long long)s->pid);
	r = check_links(s, err);
	if (r == 0 && s->domain == AF_NETLINK)
		r = give_netlink(fd, s, err);
	if (r == 0)
		r = wb_net_options_give(fd, s, err);
	if (r == 0)
		r = wb_net_groups_give(fd, s, err);
	if (r == 0 && s->domain == AF_PACKET)
		empty_packet(fd);
	return r;
}

int wb_net_sockets_give(const struct wb_net_sockets *all, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++) {
		const struct wb_net_socket *s = &all->items[i];
		WB_CLEAN_FD pidfd = (int)syscall(SYS_pidfd_open, (pid_t)s->pid, 0);
		WB_CLEAN_FD fd =
			pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, (int)s->fd, 0);

		r = fd < 0 ? wb_fail(err, -ESRCH, "its process %lld has no descriptor %lld: %s",
				     (long long)s->pid, (long long)s->fd, strerror(errno))
			   : wb_net_socket_give(fd, s, err);
	}
	return r;
}
