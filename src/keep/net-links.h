/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which link of the new boot is which of before, and how each gets its name. Pure. */
#pragma once

#include <net/if.h>
#include <sys/types.h>

#include "keep/net.h"

/* The name of a link that steps aside for another, with its number among those found. */
#define WB_NET_ASIDE "wbtmp"

/* The link of this name as it was, or NULL. */
const struct wb_net_link *wb_net_link(const struct wb_net *net, const char *name);

/*
 * Can it be known again, and is it for us to set up? Not if it belongs to another link, a bond or a
 * bridge, and not if its address is that of other hardware too, as with a virtual function and its
 * synthetic twin. `l` NULL: no.
 */
bool wb_net_is_ours(const struct wb_net *net, const struct wb_net_link *l);

/*
 * The found link that is `l`. -ENODEV: there is none, or `l` is not ours; -ENOTUNIQ: there are
 * several, or it belongs to another link by now.
 */
ssize_t wb_net_find(const struct wb_net *net, const struct wb_net_link *l,
	const struct wb_net_found *found, size_t n);

bool wb_net_is_taken(const struct wb_net_found *found, size_t n, const char *name);
