/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways of keeping, as functions: one row each, one file each (keep/way-NAME.c). The conductor (judge,
 * freeze, rehearse, thaw, revive) calls a way through its row only. Words, the order of the rungs and
 * other properties are the rows of manifest/way.h.
 */
#pragma once

#include "manifest/manifest.h"
#include "store/store.h"
#include "sys/runner.h"
#include "survey/preflight.h"

struct wb_thaw;

/* The machine that a way works on. Borrowed. */
struct wb_way_host {
	const struct wb_sys *sys;
	/* For tests; NULL: the machine's own. */
	const struct wb_ns_ops *namespaces;
	const char *criu_program, *criu_dir;
	/* A packet hold for each unit's ends, as of its last look, is in force and will be for a minute at least. */
	bool held;
	/* At the freeze: with the memory of guests for which the next kernel was loaded. NULL: a rehearsal. */
	const struct wb_manifest *loaded;
};

/* A unit that stands still with its checkpoint written. Each way has a struct of its own behind it. */
struct wb_frozen;

struct wb_rehearsed {
	int64_t frozen_us; /* how long the unit stood still */
	uint64_t bytes;    /* of its images, and how many there are; 0 unknown */
	size_t images;
};

/*
 * A function returns 0, or a negative errno with its sentence, if nothing else is said. NULL: the way has
 * nothing to do there. A way that is checkpointed (manifest/way.h) has freeze, commit, cancel and thaw.
 */
struct wb_keep_means {
	enum wb_keep_how how;
	/* Kernel modules that a restore needs in the next boot; ends with NULL. NULL: none. */
	const char *const *modules;
	/*
	 * Can a unit be kept so? 1: yes. 0: no, and ret->reasons tell why; none, if the unit is of a kind
	 * that this way is not for. *ret is empty before, and has all that was found, but for `how`.
	 * `config` may be NULL. -ESRCH the unit is not active; -ENOMEM. Pure. NULL: every unit can.
	 */
	int (*judge)(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
		struct wb_keep_verdict *ret, struct wb_error *err);
	/*
	 * Write the verdict on a unit that is kept so into its part of the manifest: main_pid, cgroup,
	 * `image`, and others that this way needs. -ENOMEM. NULL: it needs none of them.
	 */
	int (*record)(const struct wb_keep_verdict *verdict, struct wb_manifest_unit *u);
	/*
	 * Pre-copy: write memory into the store, under u->images, while the unit runs. Fills u->ahead_pid
	 * and u->ahead_bytes. On failure the unit runs on; the caller removes what was written. NULL: all
	 * of it is written by freeze().
	 */
	int (*ahead)(const struct wb_way_host *host, struct wb_manifest_unit *u,
		struct wb_store *store, struct wb_error *err);
	/*
	 * Write a checkpoint as freeze() does and let the unit go on. `store` NULL: the images are only
	 * counted. The caller removes what was written. NULL: freeze() and cancel() do it, which need a
	 * store.
	 */
	int (*rehearse)(const struct wb_way_host *host, struct wb_manifest_unit *u,
		struct wb_store *store, struct wb_rehearsed *ret, struct wb_error *err);
	/*
	 * Stop the unit and write its checkpoint into the store, under u->images; if u->ahead_pid is set,
	 * only what has changed since ahead(). Fills u->dump_bytes. On failure the unit goes on; -EIO and
	 * -ESRCH: it may not have survived, and another try is of no use.
	 */
	int (*freeze)(const struct wb_way_host *host, struct wb_manifest_unit *u,
		struct wb_store *store, struct wb_frozen **ret, struct wb_error *err);
	/*
	 * The unit stands still: bring its part of the manifest up to date (pids, ports, connections), and
	 * write files that must travel into the store. `files`: the paths known before, to be added to.
	 * *highest: the highest number of its processes and threads, to be raised. NULL: nothing can have
	 * changed since the unit was looked at.
	 */
	int (*complete)(const struct wb_way_host *host, struct wb_manifest_unit *u,
		struct wb_strv *files, int64_t *highest, struct wb_store *store,
		struct wb_error *err);
	/*
	 * The point of no return is passed: end the old processes, without a word to their peers. The
	 * result is ignored. Frees `frozen`.
	 */
	int (*commit)(
		const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err);
	/*
	 * The jump is called off, or the rehearsal is over: let the unit go on. The freeze ignores the result.
	 * Frees `frozen`.
	 */
	int (*cancel)(
		const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err);
	/*
	 * The process that froze it was killed: let the unit go on, if it stands still. The result is ignored. NULL: it
	 * goes on by itself, or its processes are gone.
	 */
	int (*wake)(const struct wb_way_host *host, const struct wb_manifest_unit *u,
		struct wb_error *err);
	/*
	 * In the next boot, before systemd starts its program again: make what that needs. NULL: nothing; and for a way
	 * whose program is not started anew (manifest/way.h).
	 */
	int (*prepare)(
		const struct wb_thaw *t, const struct wb_runner *runner, struct wb_error *err);
	/*
	 * In the next boot, in the unit's control group: bring t->unit back from the store. Its files and
	 * addresses are there. On failure none of its processes may be left.
	 */
	int (*thaw)(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err);
	/*
	 * The unit has ended after such a boot: remove what prepare() made. The unit may be any. NULL: nothing.
	 */
	int (*forget)(const struct wb_sys *sys, const char *unit, struct wb_error *err);
};

/* The rows; the list ends with NULL. Its order does not matter. */
extern const struct wb_keep_means *const wb_ways_all[];

extern const struct wb_keep_means wb_way_container, wb_way_domain, wb_way_process, wb_way_restart,
	wb_way_vm;

/* Never NULL: a way without a row has nothing to do. ways NULL: wb_ways_all. */
const struct wb_keep_means *wb_way_find(
	const struct wb_keep_means *const *ways, enum wb_keep_how how);
