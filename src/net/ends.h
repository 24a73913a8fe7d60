/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ports on which a service listens, and its connections. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/json-table.h"
#include "core/list.h"

struct wb_net_port {
	char *protocol; /* "tcp", "udp" */
	char *address;  /* NULL: every address */
	int64_t port;
	bool forwarded; /* to another network namespace of this machine: a container's, that is published */
};

struct wb_net_connection {
	char *local, *remote; /* IPv4-mapped IPv6 is written as IPv4 */
	int64_t local_port, remote_port;
	int64_t expects; /* sequence number of the next byte from the peer; 0 unknown */
};

/* How a connection is written in a manifest. */
extern const struct wb_json_field wb_net_connection_fields[];

/* For wb_sort(): by ports and addresses. A look at a unit leaves its connections in this order. */
int wb_net_compare_connections(const void *a, const void *b);

/* Owned. */
struct wb_net_ends {
	WB_LIST(struct wb_net_port) ports;
	WB_LIST(struct wb_net_connection) connections;
};

void wb_net_ends_deinit(struct wb_net_ends *ends);
/*
 * Copy everything but the sequence numbers into *ret, which must be empty. On failure *ret holds a
 * part. -ENOMEM.
 */
int wb_net_ends_copy(const struct wb_net_ends *ends, struct wb_net_ends *ret);

/* The ends of several services. The caller owns the list; the ends are borrowed. */
struct wb_ends_list {
	const struct wb_net_ends **items;
	size_t n;
};

void wb_ends_list_deinit(struct wb_ends_list *list);
#define WB_CLEAN_ENDS_LIST __attribute__((cleanup(wb_ends_list_deinit))) struct wb_ends_list
/* -ENOMEM. */
int wb_ends_list_add(struct wb_ends_list *list, const struct wb_net_ends *ends);

/*
 * Wait until the machine has every one of these addresses. -EADDRNOTAVAIL with a sentence that
 * names the first missing address and the service `who`.
 */
int wb_net_ends_wait(
	const struct wb_net_ends *ends, const char *who, unsigned seconds, struct wb_error *err);
