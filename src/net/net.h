/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine's network: links, addresses, routes and neighbours, in the form in which the next
 * kernel's user space makes them again before anything else runs.
 */
#pragma once

#include <stdint.h>

#include "core/json-table.h"
#include "core/bytes.h"
#include "core/error.h"
#include "core/files.h"
#include "core/strv.h"
#include "sys/runner.h"

struct wb_net_link {
	char *name;
	char *mac;     /* "52:54:00:12:34:56", the hardware's own; NULL: none */
	char *given;   /* the address in use if it is another; NULL: the own one */
	char *modules; /* of driver and bus, separated by blanks; NULL: none, or unknown */
	char *kind;    /* "vlan", "bridge", …; NULL: hardware */
	bool up;
	bool slave; /* it belongs to a bond, a bridge or another link */
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
	bool deprecated; /* no new connection uses it */
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
	int64_t metric; /* 0: none */
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

/* The longest of these lists may have this many elements. */
#define WB_NET_MOST 4096

/* The network's part of the manifest's table. */
extern const struct wb_json_field wb_net_fields[];
void wb_net_deinit(struct wb_net *net);

/*
 * Parse the output of ip(8) with -j: of "-d address show", of "route show table all" for each
 * family, and of "neighbour show" (NULL: not asked). Leaves out the loopback, everything that the
 * kernel makes by itself, and routes and neighbours on links that wb_net_batch() does not touch.
 * -EBADMSG with a sentence, -ENOMEM. Pure.
 */
int wb_net_parse(struct wb_bytes addresses, struct wb_bytes routes4, struct wb_bytes routes6,
	struct wb_bytes neighbours, struct wb_net *ret, struct wb_error *err);

/* Read the machine's network. Errors of ip(8), and as above. */
int wb_net_read(const struct wb_files *files, const struct wb_runner *runner, struct wb_net *ret,
	struct wb_error *err);

/* A link of this boot. Hardware is identified by its address, whatever its name is now. */
struct wb_net_found {
	char *name;
	char *mac;  /* the hardware's own; NULL: it is virtual and has only its name */
	bool slave; /* as above */
};

/*
 * The batch for ip(8) that renames links which take names from each other. It is run before the
 * links are read again for wb_net_batch(). Empty: there are none. A name stays with a link that
 * keeps it. *ret is to be freed. -ENOMEM. Pure.
 */
int wb_net_trades(const struct wb_net *net, const struct wb_net_found *found, size_t n, char **ret);

/*
 * The batch for ip(8) that makes the old network from the links of this boot: free names,
 * addresses, routes, neighbours. Leased addresses and routes get a lifetime, so that they end if
 * their client does not renew them. The machine's own network setup is left to do the links that
 * are not hardware, that belong to another link, whose address several links have or had, or whose
 * name another link has, and all that is on them. *ret is to be freed. -ENOMEM. Pure.
 */
int wb_net_batch(const struct wb_net *net, const struct wb_net_found *found, size_t n, char **ret);

/*
 * Is the address on a link that wb_net_batch() makes again, or on the loopback, or on none? Pure.
 */
bool wb_net_brings_back(const struct wb_net *net, const char *address);

/* Append the modules that the links need, each once, to *ret. -ENOMEM. */
int wb_net_modules(const struct wb_net *net, struct wb_strv *ret);

/*
 * Make the old network again. Waits up to `seconds` for the hardware to appear. -ENODEV: a link,
 * which the sentence names, is still missing; the rest is done.
 */
int wb_net_restore(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_net *net, unsigned seconds, struct wb_error *err);

/* Checks of texts from outside, before they go into a command or a ruleset. */
bool wb_net_valid_address(const char *s); /* IPv4 or IPv6, without prefix */
bool wb_net_valid_name(const char *s);    /* of a link */
bool wb_net_valid_mac(const char *s);
