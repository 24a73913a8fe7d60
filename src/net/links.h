/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which link of this boot is which link of the last one, and how each gets its name. Pure. */
#pragma once

#include <net/if.h>
#include <sys/types.h>

#include "net/net.h"

/* Temporary name of a link that steps aside for another, followed by its number. */
#define WB_NET_ASIDE "wbtmp"

/* The link of this name in the last boot, or NULL. */
const struct wb_net_link *wb_net_link(const struct wb_net *net, const char *name);

/*
 * Can the link be identified, and does warmboot set it up? Not if it belongs to another link, a
 * bond or a bridge, and not if other hardware has its address, too, such as a virtual function and
 * its synthetic twin. `l` NULL: no.
 */
bool wb_net_is_ours(const struct wb_net *net, const struct wb_net_link *l);

/*
 * Find the link `l` among the found ones. -ENODEV: there is none, or wb_net_is_ours() is false;
 * -ENOTUNIQ: there are several, or it belongs to another link now.
 */
ssize_t wb_net_find(const struct wb_net *net, const struct wb_net_link *l,
	const struct wb_net_found *found, size_t n);

bool wb_net_is_taken(const struct wb_net_found *found, size_t n, const char *name);
