/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access of this room to the machine, which tests replace. */
#pragma once

#include "restore/early.h"
#include "keep/thaw.h"
#include "net/ends.h"
#include "store/store.h"
#include "sys/namespaces.h"
#include "sys/runner.h"
#include "timeline/probe.h"

struct wb_restore_host {
	void *ctx;
	const struct wb_sys *sys;
	const struct wb_runner *runner;
	const struct wb_store_env *store;
	const struct wb_ns_ops *ns;
	/* Wait about as long; may return early. */
	void (*pause)(void *ctx, unsigned ms);
	/*
	 * Wait for the turn to probe: the early restore probes, and then a unit of systemd's. A
	 * descriptor to be closed, or negative.
	 */
	int (*take_turn)(void *ctx);
	const struct wb_probe_io *probes;
	/* Wake the peers of these connections; wb_wake_send(). */
	void (*wake)(void *ctx, const struct wb_ends_list *ends);
	/* Makes missing directories on the way; replaces what is there. Negative errno. */
	int (*symlink)(void *ctx, const char *target, const char *path);
	/* Store a descriptor in systemd; wb_fd_store_push(). */
	int (*fds_push)(void *ctx, const char *name, int fd, struct wb_error *err);
	/* Wait until systemd has read all that was pushed; wb_fd_store_wait(). */
	void (*fds_wait)(void *ctx);
	/* Names of the descriptors that this process was given, stored ones and sockets; wb_fd_store_list(). */
	int (*fds_list)(void *ctx, struct wb_strv *ret);
	/* Remove a descriptor from systemd's store; wb_fd_store_forget(). */
	void (*fds_forget)(void *ctx, const char *name);
	/* Wait for the early restore, and read its list of units; wb_early_read(). */
	int (*early)(void *ctx, struct wb_early *ret, struct wb_error *err);
	/* Take a unit over from the early restore; wb_early_adopt(). */
	int (*adopt)(void *ctx, const struct wb_manifest_unit *u, struct wb_error *ret_warning,
		struct wb_error *err);
	/* Restore a unit's processes; wb_thaw(). */
	int (*thaw)(void *ctx, const struct wb_thaw *t, struct wb_error *ret_warning,
		struct wb_error *err);
	unsigned link_seconds; /* how long the hold waits for network hardware */
};

/* The real machine. */
struct wb_restore_host wb_restore_host_real(void);
