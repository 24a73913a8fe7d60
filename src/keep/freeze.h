/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last step before the jump: what is kept goes into the store. Two phases: everything is frozen
 * and written first, the store is sealed, and only then is any process given up.
 */
#pragma once

#include <errno.h>

#include "keep/manifest.h"
#include "store/store.h"

/*
 * What was decided while everything still ran: a manifest without what only the freeze can know.
 * warmboot-freeze.service starts where it is there.
 */
#define WB_FREEZE_DRAFT "/run/warmboot/freeze.json"

/* A unit that stands still with all its images written; struct wb_criu_frozen outside of tests. */
struct wb_frozen;

/* A look finds that the unit has ended, by itself and with success: no failure, and nothing to do. */
#define WB_FREEZE_ENDED (-EOWNERDEAD)

/* What the freeze does to the machine; tests put fakes here. Each records its sentence. */
struct wb_freeze_ops {
	void *ctx;
	/*
	 * First of all, with what was known before: what services have closed or not yet accepted
	 * arrives, and nobody comes anew from here on. Who is accepted here is seen by the look.
	 */
	void (*settle)(void *ctx, const struct wb_manifest *m);
	/*
	 * Look at a unit as it is now: main_pid, pids, streams, ports, connections and image; the
	 * paths of the files that must travel go to *ret_files, and the highest number of its processes
	 * and threads to *ret_highest. Twice: before anything stands still, and right before this unit
	 * does, which may be many seconds later.
	 */
	int (*look)(void *ctx, struct wb_manifest_unit *u, struct wb_strv *ret_files,
		int64_t *ret_highest, struct wb_error *err);
	/*
	 * No packet for what is kept is to be answered from here on. Called again when a unit was looked
	 * at again: *held is what is in force (NULL: nothing yet), and is replaced where that differs.
	 */
	int (*hold)(void *ctx, const struct wb_manifest *m, char **held, struct wb_error *err);
	void (*unhold)(void *ctx);
	/*
	 * Stop it and write its images into the store, under u->images; with u->ahead_pid, what has
	 * changed since its memory went ahead. Fills u->dump_bytes, and u->image where that tells.
	 */
	int (*freeze)(void *ctx, struct wb_manifest_unit *u, struct wb_store *store,
		struct wb_frozen **ret, struct wb_error *err);
	/*
	 * Of a unit that stands still, what it may have come to have since it was looked at: pids, ports
	 * and connections, with what each expects next. Adds to *files, and raises *highest.
	 */
	int (*note)(void *ctx, struct wb_manifest_unit *u, struct wb_strv *files, int64_t *highest,
		struct wb_error *err);
	/* Files of a stopped unit into the store; fills u->files. */
	int (*take)(void *ctx, struct wb_manifest_unit *u, const struct wb_strv *files,
		struct wb_store *store, struct wb_error *err);
	/* End its processes here, or let them go on. Both free it. */
	int (*commit)(void *ctx, struct wb_frozen *frozen, struct wb_error *err);
	int (*cancel)(void *ctx, struct wb_frozen *frozen, struct wb_error *err);
	/* The machine's network as it is. */
	int (*net)(void *ctx, struct wb_net *ret, struct wb_error *err);
	/* CLOCK_REALTIME in nanoseconds, and the time stamp counter. */
	void (*now)(void *ctx, int64_t *ret_wall_ns, int64_t *ret_tsc);
};

struct wb_freeze {
	const struct wb_freeze_ops *ops;
	struct wb_store *store; /* open, empty, not sealed */
	/*
	 * Any failure is the end of it, with every unit going on as before: for a jump that can still
	 * be called off. Else a unit that cannot be frozen drops to "restart" and says why, since
	 * everything around it has been stopped already.
	 */
	bool strict;
};

/*
 * Freeze all units of `m` whose `how` is process, complete the manifest, seal the store, and end
 * their processes. 0: the jump is next. On failure nothing of the store is valid, and all units go
 * on.
 */
int wb_freeze_all(const struct wb_freeze *f, struct wb_manifest *m, struct wb_error *err);

/* The machine's own; its ctx is a struct wb_freeze_host. */
struct wb_freeze_host {
	const struct wb_sys *sys;
	const char *criu;    /* version */
	const char *release; /* of the kernel to come; NULL unknown */
	unsigned hold_s;     /* how long the silence lasts if nothing else ends it */
	struct wb_strv lost; /* filled: sentences about connections that will not go on */
};
struct wb_freeze_ops wb_freeze_ops_host(struct wb_freeze_host *host);
/*
 * Write one unit's images into the store, as the freeze will, and let it go on; the objects are taken
 * out again, those that went ahead, too. The unit must have been looked at. *ret_frozen_us: how long
 * it stood still.
 */
int wb_freeze_rehearse(const struct wb_sys *sys, struct wb_manifest_unit *u, struct wb_store *store,
	int64_t *ret_frozen_us, struct wb_error *err);
/*
 * Write its memory into the store while it runs: the next freeze or rehearsal takes only what has
 * changed. Fills u->ahead_pid and ahead_bytes; on failure the store is as before.
 */
int wb_freeze_ahead(const struct wb_sys *sys, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err);
