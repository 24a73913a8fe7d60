/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A peer that has waited through the outage sends again only when its doubled timer has run out: it
 * may stay silent as long again as the outage was. RFC 6069 has a way to tell it that the path and
 * not its data was the trouble: an ICMP "host unreachable" that quotes the first byte which it has
 * not seen acknowledged takes one doubling back, and what is overdue then is sent at once. (Linux:
 * tcp_ld_RTO_revert().) So once a connection goes on, a few of these are sent for it. A peer that
 * waits for nothing takes no notice.
 */
#pragma once

#include "keep/manifest.h"

/*
 * While a unit stands still under CRIU, its sockets in repair mode: what each connection expects
 * next, into u->connections. What cannot be told stays 0, and is not woken.
 */
void wb_wake_note(const struct wb_files *files, struct wb_manifest_unit *u);

/* The longest packet below. */
#define WB_WAKE_MOST 64
/*
 * The ICMP message for one connection, from the type on; its checksum is filled in for IPv4 (a raw
 * ICMPv6 socket does it). Returns its size, 0: there is nothing to quote. Pure.
 */
size_t wb_wake_packet(const struct wb_manifest_connection *c, uint8_t ret[WB_WAKE_MOST]);

/* Wake the peers of these units' connections; `is_back` tells which. Takes a fraction of a second. */
void wb_wake_send(
	const struct wb_manifest *m, bool (*is_back)(void *arg, const char *unit), void *arg);
