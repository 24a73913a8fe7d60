/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of a session that concern kept services. */
#pragma once

#include "manifest/manifest.h"
#include "manifest/result.h"
#include "session/host.h"
#include "sys/clock.h"

/* The units to keep: the configured ones and those named, or none. */
struct wb_keep_wish {
	struct wb_strv units; /* --keep, besides the configured ones */
	bool none;            /* --no-keep */
	bool now;             /* nothing is stopped before the freeze */
	const char *cmdline,
		*append; /* the next kernel's command line, in two parts; NULL: empty. Borrowed */
};

static inline void wb_keep_wish_deinit(struct wb_keep_wish *wish)
{
	wb_strv_deinit(&wish->units);
}
#define WB_CLEAN_KEEP_WISH __attribute__((cleanup(wb_keep_wish_deinit))) struct wb_keep_wish

/* The state of keeping services for one jump, from the decision to the jump. */
struct wb_keeping {
	struct wb_manifest draft; /* no units: nothing is kept */
	/* For each of the units: those that stop it in a shutdown, and those that are exempt with it. */
	WB_LIST(struct wb_strv) bound, beside;
	struct wb_store *store; /* NULL: no unit is kept as a process */
	struct wb_strv spared;  /* units that are exempt from the shutdown */
	struct wb_strv idle;    /* those of them in which nothing runs */
	struct wb_strv modules; /* kernel modules that the restore needs */
	struct wb_blob before;  /* the result of the jump before, if there was one */
	bool had_result;
	/* Memory of virtual machines that stays where it is; for the load. */
	struct wb_handoff_range *guests;
	size_t n_guests;
	uint64_t bytes;       /* estimated size of the store's contents */
	struct wb_rate begin; /* when the decision began */
	bool now;             /* as in the wish */
	char *masked; /* why no process can go on under the next kernel's command line; NULL: it can */
	bool armed;
	bool expected; /* the expected result has been written */
};

/*
 * Decide for each unit how it is kept, and why. `release`: of the next kernel, NULL if unknown.
 * Changes nothing.
 */
int wb_keeping_decide(const struct wb_session_host *h, const struct wb_keep_wish *wish,
	const char *release, struct wb_keeping *k, struct wb_error *err);
/*
 * For a preview, without making a store: which units would find no room, and which memory pre-copy
 * would take, by the memory that is available now. Fails if a unit that must be kept as a process
 * cannot be.
 */
int wb_keeping_foresee(const struct wb_session_host *h, const struct wb_store_backend *backend,
	struct wb_keeping *k, struct wb_error *err);
/*
 * Make a store, for which the kernel is then staged. If that is impossible, units are restarted
 * instead; it is a failure if one of them must be kept as a process. It is a failure too if a state
 * file cannot be written, because the next kernel and later commands would not know of the store.
 */
int wb_keeping_reserve(const struct wb_session_host *h, const struct wb_store_backend *backend,
	struct wb_keeping *k, struct wb_error *err);
/*
 * Guests whose memory no load can leave in place (by_file: one by kexec_file_load(2)) go through the store instead, as
 * few as need be, each with a warning. Errors as of wb_keeping_decide().
 */
int wb_keeping_place(
	const struct wb_session_host *h, struct wb_keeping *k, bool by_file, struct wb_error *err);
/*
 * Find the memory of virtual machines that the next kernel has to leave alone; `options` has pointers into `k`
 * afterwards. If no load can do that, they are restarted instead, or it is a failure, as above.
 */
int wb_keeping_guests(const struct wb_session_host *h, struct wb_keeping *k,
	struct wb_load_options *options, struct wb_error *err);
/* Make the warm initramfs begin the restore. Afterwards `options` has pointers into `k`. */
int wb_keeping_early(const struct wb_session_host *h, struct wb_keeping *k,
	struct wb_load_options *options, struct wb_error *err);
/*
 * Checkpoint each unit into the store and let it run on. A unit that fails is restarted instead, as
 * above.
 */
int wb_keeping_rehearse(
	const struct wb_session_host *h, struct wb_keeping *k, struct wb_error *err);
/*
 * With a kernel staged for the store: write the draft for the freeze, and exempt the units that the freeze
 * takes from the shutdown (not with `now`, which has no shutdown). On failure everything is as before.
 */
int wb_keeping_arm(
	const struct wb_session_host *h, struct wb_keeping *k, bool now, struct wb_error *err);
/*
 * After wb_keeping_arm(): save the units that another program runs, which the shutdown would end, and write the draft
 * again. One that cannot be saved goes on and is restarted, as above. 1: there are none. On failure all of them go on.
 */
int wb_keeping_save(const struct wb_session_host *h, struct wb_keeping *k, struct wb_error *err);
/* The jump is called off: those that were saved go on, from the store. */
void wb_keeping_bring_back(const struct wb_session_host *h, const struct wb_manifest *m);
/* Undo wb_keeping_arm(), which does so itself on failure. */
void wb_keeping_disarm(const struct wb_session_host *h, struct wb_keeping *k);
/* Wipe the store and give its memory back. */
void wb_keeping_release(const struct wb_session_host *h, struct wb_keeping *k);
/*
 * Undo what a killed reboot left: drop-ins, the draft for the freeze, a store. 1: there was
 * something; 0: nothing; negative: this is a shutdown, which needs all of it.
 */
int wb_keeping_sweep(const struct wb_session_host *h);
void wb_keeping_deinit(struct wb_keeping *k);
#define WB_CLEAN_KEEPING __attribute__((cleanup(wb_keeping_deinit))) struct wb_keeping

/* After the freeze the jump failed: restart the kept units in the ordinary way. */
void wb_keeping_start_again(const struct wb_session_host *h, struct wb_keeping *k);

/*
 * Checkpoint the units according to the draft of wb_keeping_arm(). strict: as in struct wb_freeze.
 */
int wb_keeping_freeze(const struct wb_session_host *h, bool strict, struct wb_manifest *ret,
	struct wb_error *err);
