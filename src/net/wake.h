/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A peer that has waited through the outage sends again only when its doubled timer runs out, so it
 * may stay silent as long again as the outage was. RFC 6069 defines how to tell it that the path
 * was the trouble: an ICMP "host unreachable" that quotes the first byte for which the peer has no
 * acknowledgement. It takes back one doubling, and the peer at once sends what is overdue then
 * (Linux: tcp_ld_RTO_revert()). So a few of these are sent for each connection that goes on. A peer
 * that waits for nothing ignores them.
 */
#pragma once

#include "core/files.h"
#include "net/ends.h"

/*
 * While a unit is frozen under CRIU, with its sockets in repair mode: note the next expected byte
 * of each connection in `ends`. pids: the unit's processes. An unknown number stays 0, and the peer
 * is not woken.
 */
void wb_wake_note(
	const struct wb_files *files, const int64_t *pids, size_t n_pids, struct wb_net_ends *ends);

/*
 * The same while a unit stands still without CRIU, its control group frozen: each socket is in repair mode for the
 * moment of the question. Every connection of the processes is added to `ends` if it has none. -ENOMEM.
 */
int wb_wake_note_frozen(
	const struct wb_files *files, const int64_t *pids, size_t n_pids, struct wb_net_ends *ends);

/* The longest packet below. */
#define WB_WAKE_MOST 64
/*
 * The ICMP message for one connection, from the type on. Its checksum is filled in for IPv4; a raw
 * ICMPv6 socket does that itself. Returns its size; 0: there is nothing to quote. Pure.
 */
size_t wb_wake_packet(const struct wb_net_connection *c, uint8_t ret[WB_WAKE_MOST]);

/* Wake the peers of these units' connections. This takes a fraction of a second. */
void wb_wake_send(const struct wb_ends_list *units);
