/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting files that no disk holds back from the store. */
#pragma once

#include "manifest/manifest.h"
#include "store/store.h"

/*
 * Put the unit's files back, by paths in its mount namespace (an fd; -1: the caller's own). Files
 * on read-only mounts are written from outside. Existing files are replaced.
 */
int wb_put_files(const struct wb_store *store, const struct wb_manifest_unit *u, int mount_ns,
	struct wb_error *err);
