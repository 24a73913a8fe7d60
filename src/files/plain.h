/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ordinary files that a user carries over the jump ("warmboot store put"). */
#pragma once

#include "store/store.h"

/*
 * Make a store, put these regular files into it under their paths as given, and seal it. backend NULL:
 * one with a place that is set aside, or else the default. On failure there is no store. -EINVAL: a
 * path names something else than a regular file; errors of wb_store_create().
 */
int wb_files_put(const struct wb_store_env *env, const char *backend, const char *const *paths,
	size_t n, struct wb_error *err);
