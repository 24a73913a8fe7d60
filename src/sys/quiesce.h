/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bringing a machine to rest without an init system: an ops table beside struct wb_sys, so that
 * tests fake it. All return 0 or a negative errno.
 */
#pragma once

#include <stdbool.h>

struct wb_quiesce {
	void *ctx;
	/* sync(2). */
	void (*sync)(void *ctx);
	/* Take every network interface but the loopback down. */
	int (*net_down)(void *ctx);
	/*
	 * FIFREEZE of the file system mounted at `path`: everything is written, its journal is empty, and
	 * writers sleep. -EOPNOTSUPP where the file system cannot.
	 */
	int (*freeze)(void *ctx, const char *path);
	/* FITHAW, which undoes that. */
	int (*thaw)(void *ctx, const char *path);
	/* Change only the read-only flag of a mounted file system. -EBUSY while files are written. */
	int (*remount)(void *ctx, const char *path, bool read_only);
	/*
	 * Run a program and wait: its exit code, or a negative errno; -ETIME its time was over and
	 * it was killed.
	 */
	int (*run)(void *ctx, const char *const *argv);
	/*
	 * Leave the terminal and the session behind, so that a shutdown that ends sessions does not
	 * end the caller: goes on in a child, in a session of its own, ignoring SIGHUP and SIGTERM.
	 * Does not return in the parent, which exits 0.
	 */
	int (*detach)(void *ctx);
};

extern const struct wb_quiesce wb_quiesce_host;
