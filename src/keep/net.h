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
#include "keep/runner.h"

struct wb_net_link {
	char *name;
	char *mac;   /* "52:54:00:12:34:56", the hardware's own; NULL: none */
	char *given; /* another that it goes by; NULL: its own */
	char *modules; /* of its driver and of the bus it sits on, by blanks; NULL: none, or not known */
	char *kind; /* "vlan", "bridge", …; NULL: hardware */
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
	bool deprecated; /* no new connection is to come from it */
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

/* No list of these is longer. */
#define WB_NET_MOST 4096

/* For the manifest's table. */
extern const struct wb_json_field wb_net_fields[];
void wb_net_deinit(struct wb_net *net);

/*
 * What ip(8) says with -j: of "-d address show", of "route show table all" for each family, and of
 * "neighbour show" (NULL: not asked). What the kernel makes by itself is left out, and so are the
 * loopback and routes and neighbours on links that wb_net_batch() leaves alone. -EBADMSG with a sentence, -ENOMEM. Pure.
 */
int wb_net_parse(struct wb_bytes addresses, struct wb_bytes routes4, struct wb_bytes routes6,
	struct wb_bytes neighbours, struct wb_net *ret, struct wb_error *err);

/* The machine's network as it is now. Errors of ip(8), and as above. */
int wb_net_read(const struct wb_files *files, const struct wb_runner *runner, struct wb_net *ret,
	struct wb_error *err);

/* A link of the new boot: hardware is known again by its address, whatever name it has now. */
struct wb_net_found {
	char *name;
	char *mac;  /* the hardware's own; NULL: it is virtual and only has its name */
	bool slave; /* as above */
};

/*
 * The batch for ip(8) that renames links which take their names from each other, to be run before
 * the links are looked at again for wb_net_batch(). Empty: there are none. A name that belongs to a
 * link which keeps it is left to that one. *ret to be freed. -ENOMEM. Pure.
 */
int wb_net_trades(const struct wb_net *net, const struct wb_net_found *found, size_t n, char **ret);

/*
 * The batch for ip(8) that makes the network as it was, from the links there are: names that are
 * free, addresses, routes, neighbours. Leased addresses and routes get a lifetime, so that they end
 * if nobody renews them. Left to the machine's own network setup, with what lies on them, are links
 * that are not hardware, that belong to another link, whose address several have, before or now, or
 * whose name another link has. *ret to be freed. -ENOMEM. Pure.
 */
int wb_net_batch(const struct wb_net *net, const struct wb_net_found *found, size_t n, char **ret);

/* Is it on a link that wb_net_batch() can bring back (or on the loopback, or on none)? Pure. */
bool wb_net_brings_back(const struct wb_net *net, const char *address);

/* Modules that the links need, each once; appended to *ret. -ENOMEM. */
int wb_net_modules(const struct wb_net *net, struct wb_strv *ret);

/*
 * Make it so. Waits up to `seconds` for the hardware to appear; what is still missing then is named
 * in the sentence (-ENODEV), and the rest has been done.
 */
int wb_net_restore(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_net *net, unsigned seconds, struct wb_error *err);

/* Checks of what came from outside and will stand in a command or a ruleset. */
bool wb_net_valid_address(const char *s); /* IPv4 or IPv6, without prefix */
bool wb_net_valid_name(const char *s);    /* of a link */
bool wb_net_valid_mac(const char *s);
