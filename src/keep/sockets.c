// SPDX-License-Identifier: LGPL-2.1-or-later
/* The tables of sockets in /proc/PID/net. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/proc.h"

#define LARGEST (256u << 20)
/* include/net/tcp_states.h */
#define STATE_ESTABLISHED 1
#define STATE_CLOSE 7
#define STATE_LISTEN 10
/* include/uapi/linux/net.h, of Unix sockets */
#define UNIX_UNCONNECTED 1
#define UNIX_CONNECTED 3
#define ACCEPTS (1 << 16) /* __SO_ACCEPTCON */

void wb_sockets_deinit(struct wb_sockets *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->items[i].local);
		free(s->items[i].remote);
		free(s->items[i].path);
	}
	free(s->items);
	*s = (struct wb_sockets){};
}

const struct wb_socket *wb_sockets_find(const struct wb_sockets *s, int64_t inode)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].inode == inode)
			return &s->items[i];
	return NULL;
}

/* "0100007F" or four such words, each in the byte order of the machine -> text; "" for none. */
static int address_text(const char *hex, char **ret)
{
	uint32_t words[4] = {};
	char text[INET6_ADDRSTRLEN];
	size_t n = strlen(hex) / 8;

	if (strlen(hex) % 8 || (n != 1 && n != 4) || strspn(hex, "0123456789abcdefABCDEF") != n * 8)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		char word[9] = {};

		memcpy(word, hex + 8 * i, 8);
		words[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	if (!(words[0] | words[1] | words[2] | words[3]))
		return 0;
	/* ::ffff:a.b.c.d is IPv4 to everybody outside of this socket. */
	if (n == 4 && !words[0] && !words[1] && words[2] == htonl(0xffff))
		words[0] = words[3], n = 1;
	if (!inet_ntop(n == 1 ? AF_INET : AF_INET6, words, text, sizeof(text)))
		return -EBADMSG;
	if (!strcmp(text, "0.0.0.0"))
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* proc_pid_net_tcp(5): " 0: 0100007F:2BCB 00000000:0000 0A tx:rx tr:tm retr uid timeout inode …" */
static int add_inet(struct wb_sockets *all, enum wb_socket_kind kind, const char *line)
{
	char local[33] = "", remote[33] = "";
	unsigned local_port, remote_port, state;
	struct wb_socket *s;
	long long inode;
	int e;

	if (sscanf(line, " %*d: %32[^:]:%x %32[^:]:%x %x %*s %*s %*s %*s %*s %lld", local,
		    &local_port, remote, &remote_port, &state, &inode) != 6)
		return 0;
	/* In TIME_WAIT and the like: nobody's socket any more. */
	if (inode <= 0)
		return 0;
	s = wb_list_add(all, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct wb_socket){.kind = kind,
		.inode = inode,
		.local_port = local_port & 0xffff,
		.remote_port = remote_port & 0xffff};
	s->listening = kind == WB_SOCKET_TCP ? state == STATE_LISTEN : !remote_port;
	s->connected = remote_port && state != STATE_LISTEN && state != STATE_CLOSE;
	if (kind == WB_SOCKET_UDP)
		s->connected = state == STATE_ESTABLISHED;
	e = address_text(local, &s->local);
	return e < 0 ? e : address_text(remote, &s->remote);
}

/* proc_pid_net_unix(5): "0000: 00000002 00000000 00010000 0001 01 1234 /path" */
static int add_unix(struct wb_sockets *all, enum wb_socket_kind kind, const char *line)
{
	unsigned flags, type, state;
	struct wb_socket *s;
	long long inode;
	int at = 0;

	if (sscanf(line, "%*s %*s %*s %x %x %x %lld %n", &flags, &type, &state, &inode, &at) != 4)
		return 0;
	s = wb_list_add(all, sizeof(*s));
	if (!s)
		return -ENOMEM;
	/* SOCK_DGRAM is 2; stream and seqpacket have connections. */
	s->kind = type == 2 ? WB_SOCKET_UNIX_DGRAM : WB_SOCKET_UNIX_STREAM;
	s->inode = inode;
	s->listening = flags & ACCEPTS;
	s->connected = state == UNIX_CONNECTED;
	if (at && line[at]) {
		s->path = strdup(line + at);
		if (!s->path)
			return -ENOMEM;
	}
	return 0;
}

/* proc_pid_net_netlink: the inode is the tenth column; packet(7)'s table has it ninth. */
static int add_other(struct wb_sockets *all, enum wb_socket_kind kind, const char *line)
{
	const char *format = kind == WB_SOCKET_NETLINK ? "%*x %*s %*s %*s %*s %*s %*s %*s %*s %lld"
						       : "%*x %*s %*s %*s %*s %*s %*s %*s %lld";
	struct wb_socket *s;
	long long inode;

	if (sscanf(line, format, &inode) != 1)
		return 0;
	s = wb_list_add(all, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct wb_socket){.kind = kind, .inode = inode};
	return 0;
}

static const struct {
	const char *name;
	enum wb_socket_kind kind;
	int (*add)(struct wb_sockets *all, enum wb_socket_kind kind, const char *line);
} tables[] = {
	{"tcp", WB_SOCKET_TCP, add_inet},
	{"tcp6", WB_SOCKET_TCP, add_inet},
	{"udp", WB_SOCKET_UDP, add_inet},
	{"udp6", WB_SOCKET_UDP, add_inet},
	{"udplite", WB_SOCKET_UDP, add_inet},
	{"udplite6", WB_SOCKET_UDP, add_inet},
	{"raw", WB_SOCKET_RAW, add_inet},
	{"raw6", WB_SOCKET_RAW, add_inet},
	{"unix", WB_SOCKET_UNIX_STREAM, add_unix},
	{"netlink", WB_SOCKET_NETLINK, add_other},
	{"packet", WB_SOCKET_PACKET, add_other},
};

int wb_sockets_read(
	const struct wb_files *files, int64_t pid, struct wb_sockets *ret, struct wb_error *err)
{
	WB_CLEAN_SOCKETS all = {};
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof(tables) / sizeof(*tables); i++) {
		WB_CLEAN_BLOB b = {};
		char path[64], *rest;

		snprintf(path, sizeof(path), "/proc/%" PRId64 "/net/%s", pid, tables[i].name);
		/* A table is missing when its protocol is. */
		if (files->read(files->ctx, path, LARGEST, &b, NULL) < 0)
			continue;
		rest = (char *)b.data;
		strsep(&rest, "\n");
		while (e == 0 && rest && *rest)
			e = tables[i].add(&all, tables[i].kind, strsep(&rest, "\n"));
	}
	if (e == -ENOMEM)
		return wb_fail(err, e, "out of memory");
	if (e < 0)
		return wb_fail(err, e, "/proc/%" PRId64 "/net is not as expected", pid);
	*ret = all;
	all = (struct wb_sockets){};
	return 0;
}
