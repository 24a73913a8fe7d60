/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A network namespace as PrivateNetwork= makes it: a loopback that is up, and nothing else. The next boot makes such a
 * one, so whatever another has beyond that would be lost. Both are asked the same, and the answers are compared:
 * interfaces, addresses, routes, rules, neighbours, queues, address labels, next hops, tables of nftables and iptables,
 * IPsec, virtual servers, BPF programs, and every sysctl.
 */
#pragma once

#include "core/strv.h"

/*
 * In what does the namespace of this descriptor differ? Each is a sentence without its full stop. Errors of netlink(7)
 * and of wb_inside(): it cannot be told. -ENOMEM.
 */
int wb_net_private_differs(int net_ns, struct wb_strv *ret);
