/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine's network as it was: links, addresses, routes and neighbours, in the shape that the
 * next kernel's user space needs to have the same again before anything else runs.
 */
#pragma once

#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"
#include "core/files.h"
#include "core/strv.h"
#include "keep/json.h"

struct wb_net_link {
	char *name;
	char *mac;    /* "52:54:00:12:34:56" */
	char *module; /* of the driver; NULL: built in, or not known */
	char *kind;   /* "vlan", "bridge", …; NULL: hardware */
	bool up;
	int64_t mtu;
};

struct wb_net_address {
	char *link;
	char *address;
	int64_t prefix;
	char *peer;      /* or NULL */
	char *broadcast; /* or NULL */
	char *scope;     /* "global", "site", "link" */
	char *label;     /* or NULL */
	bool dynamic;    /* leased: DHCP or router advertisement */
};

struct wb_net_route {
	int64_t family; /* 4 or 6 */
	char *to;       /* "default", or address/prefix */
	char *type;     /* NULL: unicast */
	char *via;      /* or NULL */
	char *link;     /* or NULL */
	char *source;   /* preferred source address, or NULL */
	char *scope;    /* or NULL */
	char *protocol; /* "boot", "static", "dhcp", … */
	char *table;    /* NULL: main */
	int64_t metric; /* 0 none */
	bool onlink;
};

struct wb_net_neighbour {
	char *link;
	char *address;
	char *mac;
};

struct wb_net {
	WB_LIST(struct wb_net_link) links;
	WB_LIST(struct wb_net_address) addresses;
	WB_LIST(struct wb_net_route) routes;
	WB_LIST(struct wb_net_neighbour) neighbours;
};

/* For the manifest's table. */
extern const struct wb_json_field wb_net_fields[];
void wb_net_deinit(struct wb_net *net);

/* Checks of what came from outside and will stand in a command or a ruleset. */
bool wb_net_valid_address(const char *s); /* IPv4 or IPv6, without prefix */
bool wb_net_valid_name(const char *s);    /* of a link */
bool wb_net_valid_mac(const char *s);
