/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `reboot` does for kept services, around staging and jumping. */
#pragma once

#include <jansson.h>

#include "cmd/load.h"
#include "keep/manifest.h"
#include "keep/result.h"
#include "store/store.h"

/* What is wanted: the configured units and those named, or none. */
struct cmd_keep_wish {
	struct wb_strv units; /* --keep, beside what is configured */
	bool none;            /* --no-keep */
	bool now;             /* nothing is stopped before the freeze */
};

static inline void cmd_keep_wish_deinit(struct cmd_keep_wish *wish)
{
	wb_strv_deinit(&wish->units);
}
#define WB_CLEAN_KEEP_WISH __attribute__((cleanup(cmd_keep_wish_deinit))) struct cmd_keep_wish

/* One jump's keeping, from the decision to the point of no return. */
struct cmd_keeping {
	struct wb_manifest draft;      /* no units: nothing is kept */
	WB_LIST(struct wb_strv) bound; /* for each of its units, those that stop it in a shutdown */
	struct wb_store *store;        /* NULL: no unit is kept as a process */
	struct wb_strv spared;
	struct wb_strv modules;  /* that the thaw will ask for */
	struct wb_result before; /* what was on record of the jump before */
	uint64_t bytes;          /* that the store will have to hold, roughly */
	uint64_t tsc, wall;      /* when the decision began */
	bool now;                /* as in the wish */
	bool armed;
	bool expected; /* what to expect is on record */
};

/*
 * Decide for each unit on which rung it is kept, and why. `release`: of the kernel to come, NULL
 * unknown. Changes nothing.
 */
int cmd_keeping_decide(const struct wb_sys *sys, const struct cmd_keep_wish *wish,
	const char *release, struct cmd_keeping *k, struct wb_error *err);
/*
 * Without a store: who would get none, and which memory would go ahead, by what is available now. For a
 * preview. backend: as wb_store_create(). Fails where a unit that was to be kept as a process cannot be.
 */
int cmd_keeping_foresee(
	const struct wb_sys *sys, const char *backend, struct cmd_keeping *k, struct wb_error *err);
/*
 * Set a store aside, for which the kernel is then staged. Where none can be had, units drop a rung,
 * and one that was to be kept as a process and nothing else is the failure. So is a state file that
 * cannot be written: the next kernel and those who ask afterwards would not be told either. backend: as
 * wb_store_create().
 */
int cmd_keeping_reserve(const struct wb_sys *sys, const struct wb_store_env *env,
	const char *backend, struct cmd_keeping *k, struct wb_error *err);
/* Have the warm initramfs begin with the thaw. What `options` then refers to lives as long as `k`. */
int cmd_keeping_early(const struct wb_sys *sys, struct cmd_keeping *k,
	struct wb_load_options *options, struct wb_error *err);
/* Freeze and write each into the store, and let it go on. Who fails drops a rung, as above. */
int cmd_keeping_rehearse(const struct wb_sys *sys, struct cmd_keeping *k, struct wb_error *err);
/*
 * With a kernel staged around the store: leave word for the freeze, and have the shutdown spare those
 * that it will take (not with `now`: there is no shutdown then).
 */
int cmd_keeping_arm(
	const struct wb_sys *sys, struct cmd_keeping *k, bool now, struct wb_error *err);
/* All as it was before. */
void cmd_keeping_undo(const struct wb_sys *sys, struct cmd_keeping *k);
/*
 * Take back what a reboot that was killed left behind: drop-ins, the word for the freeze, a store.
 * 1 there was something, 0 nothing, negative: this is a shutdown, in which all of it is in use.
 */
int cmd_keeping_sweep(const struct wb_sys *sys);
void cmd_keeping_deinit(struct cmd_keeping *k);
#define CMD_CLEAN_KEEPING __attribute__((cleanup(cmd_keeping_deinit))) struct cmd_keeping

/* Print each unit with its rung and the reason. */
void cmd_keeping_print(const struct cmd_keeping *k);
/* The same as [{unit, how, why, ahead_bytes}]. */
json_t *cmd_keeping_json(const struct cmd_keeping *k);

/* The jump failed after that: start the units again in the ordinary way. */
void cmd_keeping_start_again(const struct wb_sys *sys, struct cmd_keeping *k);

/* The freeze itself, from what cmd_keeping_arm() left. strict: struct wb_freeze. */
int cmd_keeping_freeze(
	const struct wb_sys *sys, bool strict, struct wb_manifest *ret, struct wb_error *err);
