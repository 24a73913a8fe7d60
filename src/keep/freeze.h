/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last step before the jump: the checkpoints of kept units go into the store. It has two phases. First
 * all units are frozen and written, and the store is sealed. Only then the old processes end.
 */
#pragma once

#include <errno.h>
#include <pthread.h>

#include "keep/ways.h"

/*
 * The decision, made while everything still ran: a manifest without the parts that only the freeze can
 * know. warmboot-freeze.service starts only if this file exists.
 */
#define WB_FREEZE_DRAFT "/run/warmboot/freeze.json"

/* Result of a look: the unit has ended by itself and with success. That is no failure. */
#define WB_FREEZE_ENDED (-EOWNERDEAD)

/*
 * Operations on the machine as a whole, for which tests have fakes. Each records its sentence. look() and the
 * functions of the ways are called by several threads at a time, each for a unit of its own; all others by one.
 */
struct wb_freeze_ops {
	void *ctx;
	/*
	 * Called before the last look at units that are about to stand still, with their ends as of the look before:
	 * drain connections that a service has closed or not yet accepted, and hold off new ones. The look that
	 * follows sees what was accepted.
	 */
	void (*settle)(void *ctx, const struct wb_ends_list *units);
	/*
	 * Look at a unit as it is now: main_pid, pids, streams, ports, connections and image. The paths of
	 * files that must travel go to *ret_files, the highest number of its processes and threads to
	 * *ret_highest. Called before anything stands still, and again right before this unit does, which
	 * may be many seconds later.
	 */
	int (*look)(void *ctx, struct wb_manifest_unit *u, struct wb_strv *ret_files,
		int64_t *ret_highest, struct wb_error *err);
	/*
	 * Hold packets for the ports and connections of `m` from here on: those of units that stand still or are about
	 * to, and of units that are started again. Called again for each wave of units: *held is the ruleset in force
	 * (NULL: none yet), and is replaced if it changes. 1: it will be in force for a minute at least; 0: perhaps not.
	 */
	int (*hold)(void *ctx, const struct wb_manifest *m, char **held, struct wb_error *err);
	/* End that hold, because the freeze has failed and the units go on; also if it was never begun. */
	void (*unhold)(void *ctx);
	/* A mark of the timeline (timeline/marks.h) with the unit's name. */
	void (*mark)(void *ctx, const char *mark, const char *unit);
	/* The machine's network as it is. */
	int (*net)(void *ctx, struct wb_net *ret, struct wb_error *err);
	/* CLOCK_MONOTONIC in nanoseconds, and the time stamp counter. */
	void (*now)(void *ctx, int64_t *ret_mono_ns, int64_t *ret_tsc);
	/* Note in the manifest for how long packets have been held, because the next boot goes on with it. */
	void (*note_silence)(void *ctx, struct wb_manifest *m);
	/* Called first. Cannot fail. NULL: nothing is to be done; for the next three, too. */
	void (*begin)(void *ctx);
	/* No other look follows; called also if the freeze has failed. Cannot fail. */
	void (*end)(void *ctx);
	/* Looks follow each other at once from here on, so they may share what they find. Cannot fail. */
	void (*look_begin)(void *ctx);
	/* Later looks share nothing with these. Cannot fail. */
	void (*look_end)(void *ctx);
};

struct wb_freeze {
	const struct wb_freeze_ops *ops;
	const struct wb_keep_means *const *ways; /* NULL: wb_ways_all */
	struct wb_way_host host;                 /* for the ways */
	struct wb_store *store;                  /* open, empty, not sealed */
	/*
	 * true: any failure ends the freeze, and every unit goes on as before. That is for a jump that can
	 * still be called off. false: the other units have been stopped already, so a unit that cannot be
	 * frozen is lowered to its fallback, with the reason.
	 */
	bool strict;
	/* How many units are worked on at a time, each in a thread; 0 and 1: one after the other. */
	unsigned workers;
};

/*
 * Freeze all units of `m` that are to be checkpointed, complete the manifest, seal the store, and end
 * their processes. 0: the jump is next. On failure nothing of the store is valid, and all units go
 * on.
 */
int wb_freeze_all(const struct wb_freeze *f, struct wb_manifest *m, struct wb_error *err);

/* The operations on the real machine; their ctx is a struct wb_freeze_host. */
struct wb_freeze_host {
	const struct wb_sys *sys;
	const struct wb_keep_means *const *ways; /* NULL: wb_ways_all */
	const char *criu;                        /* version */
	const char *release;                     /* of the next kernel; NULL: unknown */
	/* When each kind of packet hold began, by CLOCK_MONOTONIC; 0: not yet. */
	uint64_t kept_since, restart_since;
	uint64_t shutdown_since; /* when the shutdown began, by CLOCK_MONOTONIC; 0: there is none */
	pthread_mutex_t lock;    /* for `lost`; PTHREAD_MUTEX_INITIALIZER */
	uint64_t drained_ns;     /* the time that was spent on closed connections so far */
	struct wb_services services; /* from begin() to end() */
	struct wb_recall *recall;    /* from look_begin() to look_end() */
	struct wb_strv lost; /* filled with sentences about what will not be there any more */
};
struct wb_freeze_ops wb_freeze_ops_host(struct wb_freeze_host *host);
/*
 * Write one unit's checkpoint into the store, as the freeze will, and let it go on; the objects are removed
 * again, the pre-copied ones, too. The unit must have been looked at. *ret_frozen_us: how long it stood
 * still. `ways` NULL: wb_ways_all.
 */
int wb_freeze_rehearse(const struct wb_keep_means *const *ways, const struct wb_sys *sys,
	struct wb_manifest_unit *u, struct wb_store *store, int64_t *ret_frozen_us,
	struct wb_error *err);
/*
 * Pre-copy its memory into the store while it runs: the next freeze or rehearsal takes only what has
 * changed. Fills u->ahead_pid and ahead_bytes; on failure the store is as before.
 */
int wb_freeze_ahead(const struct wb_keep_means *const *ways, const struct wb_sys *sys,
	struct wb_manifest_unit *u, struct wb_store *store, struct wb_error *err);
