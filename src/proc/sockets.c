// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sockets from the tables in /proc/PID/net. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sort.h"
#include "net/tcp-line.h"
#include "proc/proc.h"

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
		free(s->items[i].file);
		free(s->items[i].now);
		free(s->items[i].unfit);
	}
	free(s->items);
	*s = (struct wb_sockets){};
}

bool wb_socket_inode(const char *link, int64_t *ret)
{
	static const char head[] = "socket:[";
	char *end;

	if (strncmp(link, head, strlen(head)))
		return false;
	errno = 0;
	*ret = strtoll(link + strlen(head), &end, 10);
	return *end == ']' && !errno && *ret > 0;
}

static int by_inode(const void *a, const void *b)
{
	const struct wb_socket *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* The index of the first socket with this inode, or where it would be. */
static size_t first_at(const struct wb_sockets *s, int64_t inode)
{
	size_t low = 0, high = s->sorted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->items[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct wb_socket *wb_sockets_find(const struct wb_sockets *s, int64_t inode)
{
	size_t i = first_at(s, inode);

	if (i < s->sorted && s->items[i].inode == inode)
		return &s->items[i];
	for (i = s->sorted; i < s->n; i++)
		if (s->items[i].inode == inode)
			return &s->items[i];
	return NULL;
}

void wb_sockets_mark(
	const struct wb_procs *procs, const struct wb_proc *init, struct wb_sockets *sockets)
{
	for (size_t i = 0; i <= procs->n; i++) {
		const struct wb_proc *p = i < procs->n ? &procs->items[i] : init;

		for (size_t k = 0; k < p->fds.n; k++) {
			struct wb_socket *s;
			int64_t inode;

			if (!wb_socket_inode(p->fds.items[k].link, &inode))
				continue;
			s = wb_sockets_find(sockets, inode);
			if (s)
				*(p == init ? &s->handed : &s->own) = true;
		}
	}
}

/* "0100007F", or four such words, each in the machine's byte order, as text. *ret stays NULL for the address 0. */
static int address_text(struct wb_span hex, char **ret)
{
	uint32_t words[4] = {};
	char text[INET6_ADDRSTRLEN];
	size_t n = hex.n / 8;

	if (hex.n % 8 || (n != 1 && n != 4))
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		uint64_t word;

		if (!wb_span_number((struct wb_span){hex.s + 8 * i, 8}, 16, &word))
			return -EBADMSG;
		words[i] = (uint32_t)word;
	}
	if (!(words[0] | words[1] | words[2] | words[3]))
		return 0;
	/* ::ffff:a.b.c.d is IPv4 on the wire. */
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
	struct wb_tcp_line l;
	struct wb_socket *s;
	int e;

	if (!wb_tcp_line_parse((struct wb_span){line, strlen(line)}, &l))
		return 0;
	/* In TIME_WAIT, for example, no process has the socket any more. */
	if (!l.inode)
		return 0;
	s = wb_list_add(all, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct wb_socket){.kind = kind,
		.inode = l.inode,
		.local_port = l.local_port,
		.remote_port = l.remote_port};
	s->listening = kind == WB_SOCKET_TCP ? l.state == STATE_LISTEN : !l.remote_port;
	s->connected = l.remote_port && l.state != STATE_LISTEN && l.state != STATE_CLOSE;
	if (kind == WB_SOCKET_UDP)
		s->connected = l.state == STATE_ESTABLISHED;
	e = address_text(l.local, &s->local);
	return e < 0 ? e : address_text(l.remote, &s->remote);
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
		s->bound = *s->path != '@';
	}
	return 0;
}

/* The inode is the tenth column of /proc/PID/net/netlink, and the ninth of /proc/PID/net/packet. */
static int add_other(struct wb_sockets *all, enum wb_socket_kind kind, const char *line)
{
	size_t columns = kind == WB_SOCKET_NETLINK ? 10 : 9;
	struct wb_span rest = {line, strlen(line)}, word[10];
	struct wb_socket *s;
	uint64_t inode;

	if (!wb_take_words(&rest, word, columns) ||
		!wb_span_number(word[columns - 1], 10, &inode) || inode > INT64_MAX)
		return 0;
	s = wb_list_add(all, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct wb_socket){.kind = kind, .inode = (int64_t)inode};
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

static int read_table(const struct wb_files *files, int64_t pid, size_t i, struct wb_sockets *all)
{
	WB_CLEAN_BLOB b = {};
	char path[64], *rest;
	int e = 0;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/net/%s", pid, tables[i].name);
	/* A protocol that the kernel lacks has no table. */
	if (files->read(files->ctx, path, LARGEST, &b, NULL) < 0)
		return 0;
	rest = (char *)b.data;
	strsep(&rest, "\n");
	while (e == 0 && rest && *rest)
		e = tables[i].add(all, tables[i].kind, strsep(&rest, "\n"));
	return e;
}

static void sort(struct wb_sockets *all)
{
	if (all->n)
		wb_sort(all->items, all->n, sizeof(*all->items), by_inode);
	all->sorted = all->n;
}

int wb_sockets_add_outer(const struct wb_files *files, int64_t pid, struct wb_sockets *all)
{
	size_t n = all->n;
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof(tables) / sizeof(*tables); i++)
		if (tables[i].kind == WB_SOCKET_UNIX_STREAM)
			e = read_table(files, pid, i, all);
	for (; n < all->n; n++)
		all->items[n].outer = true;
	sort(all);
	return e;
}

int wb_sockets_read(
	const struct wb_files *files, int64_t pid, struct wb_sockets *ret, struct wb_error *err)
{
	WB_CLEAN_SOCKETS all = {};
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof(tables) / sizeof(*tables); i++)
		e = read_table(files, pid, i, &all);
	if (e == -ENOMEM)
		return wb_fail(err, e, "out of memory");
	if (e < 0)
		return wb_fail(err, e, "/proc/%" PRId64 "/net is not as expected", pid);
	sort(&all);
	*ret = all;
	all = (struct wb_sockets){};
	return 0;
}
