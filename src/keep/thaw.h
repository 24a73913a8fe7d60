/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bringing one unit's processes back: its files, its addresses, CRIU, and the end of its hold. */
#pragma once

#include "keep/manifest.h"
#include "sys/sys.h"

struct wb_thaw {
	const struct wb_sys *sys;
	const struct wb_manifest *manifest;
	const struct wb_manifest_unit *unit; /* of it */
	/* Of the sandbox that the processes come back into, mount last; none: the caller's own. */
	const int *namespaces;
	size_t n_namespaces;
	unsigned address_seconds; /* how long to wait for an address that it uses */
};

/*
 * The caller is in the unit's control group, and its standard output and error become those of the
 * processes. Marks, the unit's part of the result (of a failure, too) and the release of its hold
 * are made here; what of the result could not be written is in *ret_warning. Errors as those of
 * wb_store_attach(), wb_revive_files() and wb_criu_restore(); -EADDRNOTAVAIL.
 */
int wb_thaw(const struct wb_thaw *t, struct wb_error *ret_warning, struct wb_error *err);
/* Write the unit's part of the result: it is started anew, and why. */
int wb_thaw_failed(const struct wb_thaw *t, const struct wb_error *why, struct wb_error *err);
