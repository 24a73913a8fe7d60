/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU 4.1.1 brings a socket back, but loses parts of it: most options, memberships in multicast groups, and the receiver
 * of a netlink socket. These are read from the socket itself, through pidfd_getfd(2), while its processes stand still,
 * and given back when CRIU has made them again and none has run yet. A part that can be neither carried by CRIU nor given
 * back is an error with a sentence.
 *
 * Not to be seen on a socket, so neither carried nor refused: the interface of IP_MULTICAST_IF if it was chosen by its
 * number alone, IPV6_JOIN_ANYCAST, the programs of SO_ATTACH_REUSEPORT_CBPF and _EBPF.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json-table.h"
#include "core/strv.h"

/* The most sockets of one unit that have something to give back, and the most groups and options of one. */
#define WB_NET_MOST_SOCKETS 65536
#define WB_NET_MOST_GROUPS 1024
#define WB_NET_MOST_OPTIONS 256

/* An option that a new socket does not have: setsockopt(2). */
struct wb_net_option {
	int64_t level, name;
	char *value; /* the bytes, in hex; NULL: the number of `link` */
	char *link;  /* an interface */
};

/* A membership in a multicast group. */
struct wb_net_group {
	char *group; /* IPv4 or IPv6 */
	char *link;
	bool include; /* only these sources are heard; otherwise all others */
	struct wb_strv sources;
};

/* An interface, and the number that it must have again. */
struct wb_net_index {
	char *name;
	int64_t index;
};

struct wb_net_socket {
	int64_t pid, fd;                /* a descriptor of it; there may be more */
	int64_t domain, type, protocol; /* of socket(2) */
	WB_LIST(struct wb_net_option) options;
	WB_LIST(struct wb_net_group) groups;
	int64_t port; /* netlink: its address, sockaddr_nl.nl_pid; 0: it has none yet */
	int64_t rights; /* netlink: the capabilities that its process may use, as bits of linux/capability.h */
	/*
	 * Packet: the interface that it is bound to; none: it hears all. Netlink: interfaces that it has told its process
	 * of, by their numbers.
	 */
	WB_LIST(struct wb_net_index) links;
	/* Not for the manifest. */
	bool follows; /* netlink: it hears of changes */
	bool unread;  /* UDP: there are datagrams that no process has read */
};

extern const struct wb_json_field wb_net_socket_fields[];
void wb_net_socket_deinit(struct wb_net_socket *s);
#define WB_CLEAN_NET_SOCKET __attribute__((cleanup(wb_net_socket_deinit))) struct wb_net_socket

struct wb_net_sockets {
	struct wb_net_socket *items;
	size_t n;
};
void wb_net_sockets_deinit(struct wb_net_sockets *all);
#define WB_CLEAN_NET_SOCKETS __attribute__((cleanup(wb_net_sockets_deinit))) struct wb_net_sockets

/* The multicast groups of all interfaces, and the interfaces of hardware. */
struct wb_net_joined {
	WB_LIST(struct wb_net_member {
		int64_t index;
		uint8_t address[16];
		bool six;
	})
	members;
	struct wb_strv hardware; /* and the loopback */
	bool added;              /* an interface hears addresses by SIOCADDMULTI */
	bool unknown;            /* a table could not be read, or is too long */
};
/* In the caller's network namespace. -ENOMEM. */
int wb_net_joined_read(const struct wb_files *files, struct wb_net_joined *ret);
void wb_net_joined_deinit(struct wb_net_joined *joined);
/* The text of /proc/net/igmp or igmp6. -ENOMEM. */
int wb_net_joined_parse(const char *text, bool six, struct wb_net_joined *joined);

/*
 * Read a socket of the families IPv4, IPv6, netlink and packet; ret->pid and fd are the caller's. 1: there is something
 * to give back; 0: CRIU does it all, or it is of another family, and *ret tells no more than `unread`. -EOPNOTSUPP with a sentence that begins with "it has": this
 * socket would not come back as it was. -ENOMEM.
 */
int wb_net_socket_read(int fd, const struct wb_net_joined *joined, struct wb_net_socket *ret,
	struct wb_error *err);
/*
 * Give it back, on a socket that CRIU has made, and see that it is there. -EPERM with a sentence: it is another kind of
 * socket, or has another address. -ENODEV: an interface is missing or has another number. -EREMOTEIO: the kernel refuses
 * an option or group.
 */
int wb_net_socket_give(int fd, const struct wb_net_socket *s, struct wb_error *err);

/*
 * Read all sockets of these processes, each once. *ret must be empty; on failure it holds a part. A process that has ended
 * is left out. Errors of wb_net_socket_read(); -E2BIG.
 */
int wb_net_sockets_note(const struct wb_files *files, const int64_t *pids, size_t n_pids,
	struct wb_net_sockets *ret, struct wb_error *err);
/*
 * The capabilities with which the netlink sockets are to be opened: those of their processes, and of all of these if they
 * have different ones.
 */
uint64_t wb_net_sockets_rights(const struct wb_net_sockets *all);
/* wb_net_socket_give() for each of them. -ESRCH: a process is gone. */
int wb_net_sockets_give(const struct wb_net_sockets *all, struct wb_error *err);

/* ---- for sockets.c: a part of one socket each ---- */

#define WB_NET_PACKET_FANOUT 1 /* it shares its packets with others of a group */
#define WB_NET_PACKET_MEMBER 2 /* by it, interfaces hear more: promiscuous mode, groups */
/*
 * A packet socket, by its inode: 0 or these bits. -ENOENT: the kernel has no such socket, or no af_packet_diag; other
 * errors of netlink(7); -ETIMEDOUT: no answer for 10 s; -EBADMSG.
 */
int wb_net_packet_belongs(uint32_t inode);

/* The options that a socket of the same kind, which is new, does not have. -ENOMEM; -EOPNOTSUPP. */
int wb_net_options_read(int fd, int fresh, struct wb_net_socket *s, struct wb_error *err);
int wb_net_options_give(int fd, const struct wb_net_socket *s, struct wb_error *err);
/* Its memberships among `joined`. -ENOMEM; -EOPNOTSUPP. */
int wb_net_groups_read(
	int fd, const struct wb_net_joined *joined, struct wb_net_socket *s, struct wb_error *err);
int wb_net_groups_give(int fd, const struct wb_net_socket *s, struct wb_error *err);

/*
 * Has a TCP socket keys for TCP-MD5? 1, 0; a negative errno: the kernel does not tell. Only a caller with CAP_NET_ADMIN
 * sees them (net/ipv4/tcp_diag.c, tcp_diag_get_aux()).
 */
int wb_net_has_md5(int fd);
