// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ports and connections of services: their lists, and the addresses that they are on. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/ends.h"
#include "net/net.h"
#include "sys/clock.h"

#define ROW(member, kind, ...) WB_JSON_ROW(struct wb_net_connection, member, kind, ##__VA_ARGS__)

const struct wb_json_field wb_net_connection_fields[] = {
	ROW(local, WB_JSON_STRING, .valid = wb_net_valid_address, .needed = true),
	ROW(remote, WB_JSON_STRING, .valid = wb_net_valid_address, .needed = true),
	ROW(local_port, WB_JSON_INT, .min = 1, .max = 65535, .needed = true),
	ROW(remote_port, WB_JSON_INT, .min = 1, .max = 65535, .needed = true),
	ROW(expects, WB_JSON_INT, .min = 0, .max = UINT32_MAX),
	{},
};

int wb_net_compare_connections(const void *a, const void *b)
{
	const struct wb_net_connection *x = a, *y = b;
	int c = (x->remote_port > y->remote_port) - (x->remote_port < y->remote_port);

	if (!c)
		c = (x->local_port > y->local_port) - (x->local_port < y->local_port);
	if (!c)
		c = strcmp(x->remote, y->remote);
	return c ? c : strcmp(x->local, y->local);
}

void wb_net_ends_deinit(struct wb_net_ends *ends)
{
	for (size_t i = 0; i < ends->ports.n; i++) {
		free(ends->ports.items[i].protocol);
		free(ends->ports.items[i].address);
	}
	for (size_t i = 0; i < ends->connections.n; i++) {
		free(ends->connections.items[i].local);
		free(ends->connections.items[i].remote);
	}
	free(ends->ports.items);
	free(ends->connections.items);
	*ends = (struct wb_net_ends){};
}

static int copy_string(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

int wb_net_ends_copy(const struct wb_net_ends *ends, struct wb_net_ends *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ends->ports.n; i++) {
		struct wb_net_port *p = wb_list_add(&ret->ports, sizeof(*p));

		if (!p)
			return -ENOMEM;
		p->port = ends->ports.items[i].port;
		p->forwarded = ends->ports.items[i].forwarded;
		r = copy_string(ends->ports.items[i].protocol, &p->protocol);
		if (r == 0)
			r = copy_string(ends->ports.items[i].address, &p->address);
	}
	for (size_t i = 0; r == 0 && i < ends->connections.n; i++) {
		const struct wb_net_connection *from = &ends->connections.items[i];
		struct wb_net_connection *c = wb_list_add(&ret->connections, sizeof(*c));

		if (!c)
			return -ENOMEM;
		c->local_port = from->local_port;
		c->remote_port = from->remote_port;
		r = copy_string(from->local, &c->local);
		if (r == 0)
			r = copy_string(from->remote, &c->remote);
	}
	return r;
}

void wb_ends_list_deinit(struct wb_ends_list *list)
{
	free(list->items);
	*list = (struct wb_ends_list){};
}

int wb_ends_list_add(struct wb_ends_list *list, const struct wb_net_ends *ends)
{
	const struct wb_net_ends **at = wb_list_add(list, sizeof(ends));

	if (!at)
		return -ENOMEM;
	*at = ends;
	return 0;
}

/* ---- addresses ---- */

/* Can a socket be bound to this address? */
static bool is_here(const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool six = strchr(address, ':');
	int fd, r;

	if (inet_pton(six ? AF_INET6 : AF_INET, address,
		    six ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
		return true;
	/* A link-local address does not say on which link it is. */
	if (six && IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr))
		return true;
	fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true;
	r = six ? bind(fd, (struct sockaddr *)&v6, sizeof(v6))
		: bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	r = r < 0 ? errno : 0;
	close(fd);
	return r != EADDRNOTAVAIL;
}

/*
 * A connection needs its address and a route. A port does not: its socket is bound before the address is there
 * (shim/sockets.c), which may come from a program that starts later, as a container engine's bridge does.
 */
static const char *missing_address(const struct wb_net_ends *ends)
{
	for (size_t i = 0; i < ends->connections.n; i++)
		if (!is_here(ends->connections.items[i].local))
			return ends->connections.items[i].local;
	return NULL;
}

int wb_net_ends_wait(
	const struct wb_net_ends *ends, const char *who, unsigned seconds, struct wb_error *err)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	const int64_t end = wb_now_ms() + seconds * INT64_C(1000);
	const char *missing;

	while ((missing = missing_address(ends))) {
		if (wb_now_ms() >= end)
			return wb_fail(err, -EADDRNOTAVAIL,
				"the address %s, which %s uses, did not come within %u s", missing,
				who, seconds);
		nanosleep(&pause, NULL);
	}
	return 0;
}
