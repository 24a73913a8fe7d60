/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The restore of one unit: its files, its addresses, its processes by its way of keeping, its packet hold. */
#pragma once

#include "manifest/manifest.h"
#include "store/store.h"
#include "sys/runner.h"
#include "sys/sys.h"

struct wb_keep_means;

/* Peers of a unit with a network of its own, which are woken from there. The way's thaw() fills it. */
struct wb_thaw_peers {
	int net_ns; /* owned; -1: there are none */
	struct wb_net_ends ends;
};

struct wb_thaw {
	const struct wb_sys *sys;
	const struct wb_manifest *manifest;
	const struct wb_manifest_unit *unit; /* of that manifest */
	/* The namespaces of the sandbox to restore into, mount last; none: the caller's own. */
	const int *namespaces;
	size_t n_namespaces;
	/* Sockets that systemd has bound and handed to this process for the unit. */
	const int *handed;
	size_t n_handed;
	/* Filled by a way: what is not as it should be, although the unit is back. NULL: not wanted. */
	struct wb_error *note;
	unsigned address_seconds; /* how long to wait for an address that it uses */
	/* For tests. NULL: wb_ways_all; the store of the jump to this boot; wb_runner_host. */
	const struct wb_keep_means *const *ways;
	struct wb_store *store;
	const struct wb_runner *runner;
	struct wb_thaw_peers *peers; /* set by wb_thaw() */
};

/*
 * Restore a unit. The caller is in the unit's control group, and its standard output and error become those of
 * the processes. This function also writes marks and the unit's part of the result (after a failure, too), and
 * releases its connections. *ret_warning: the result could not be written. Errors are those of
 * wb_store_attach(), wb_put_files() and thaw() of the unit's way; -EADDRNOTAVAIL.
 */
int wb_thaw(const struct wb_thaw *t, struct wb_error *ret_warning, struct wb_error *err);
/* Write the unit's part of the result after a failure: it is started in the ordinary way, and why. */
int wb_thaw_failed(const struct wb_thaw *t, const struct wb_error *why, struct wb_error *err);
