/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything that ran, runs again: what systemd's managers run is recorded right before a jump, and
 * in the boot that it led to, the units that did not come back by themselves are started, by unit,
 * with their full definition.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"
#include "core/strv.h"
#include "jump/record.h"

/* Written right before a jump; mode 0600, since unit files may hold secrets. */
#define WB_UNITS_PATH "/var/lib/warmboot/units.json"
/* What the replay in this boot came to; gone with /run. */
#define WB_REPLAY_PATH "/run/warmboot/replay.json"

/* More than any machine has; what says otherwise is no record of ours. */
#define WB_UNITS_MOST 20000
#define WB_UNITS_LARGEST (64u << 20)

/* One unit as its manager sees it. Owned strings, NULL where not known. */
struct wb_unit {
	char *name;
	char *active;   /* "active", "activating", "failed", … */
	char *sub;      /* "running", "exited", "mounted", … */
	char *state;    /* UnitFileState: "enabled", "disabled", "static", "transient", "", … */
	char *fragment; /* path of its unit file; "" none */
	char *cannot;   /* a sentence why it cannot be started again; NULL: it can */
	struct wb_strv after;
	struct wb_strv triggered_by;
	bool no_start; /* systemd refuses to start it by request */
	bool by_bus;   /* whoever asks for it on the bus has it started; it ends when idle */
	bool unasked;  /* it is over (active, exited), and no unit had wanted it */
};

/* A unit file, drop-in or link below /run that the next boot would not have. */
struct wb_unit_file {
	char *path;
	char *link; /* target of a symbolic link; NULL: a file */
	uint8_t *text;
	size_t size;
};

/* What one manager runs. */
struct wb_world {
	int64_t uid; /* of the user whose manager it is; -1: PID 1 */
	struct wb_unit *units;
	size_t n_units;
	struct wb_unit_file *files;
	size_t n_files;
};

/* The record. */
struct wb_units {
	char *boot_id;       /* of the boot that was left */
	char *nonce;         /* of the jump; NULL: its load left no mark */
	char *replayed_boot; /* boot_id in which it was replayed; NULL: not yet */
	int64_t time;        /* seconds of CLOCK_REALTIME */
	struct wb_world *worlds;
	size_t n_worlds;
};

/* The new unit is zeroed but for its name; valid until the next call. -ENOMEM, -E2BIG. */
int wb_world_add_unit(struct wb_world *world, const char *name, struct wb_unit **ret);
/* link or text, the other NULL. -ENOMEM, -E2BIG. */
int wb_world_add_file(
	struct wb_world *world, const char *path, const char *link, struct wb_bytes text);
void wb_world_deinit(struct wb_world *world);
int wb_units_add_world(struct wb_units *units, struct wb_world *world); /* takes it over */
void wb_units_deinit(struct wb_units *units);
/* The world of PID 1 (uid -1) or a user; NULL: none. */
const struct wb_world *wb_units_world(const struct wb_units *units, int64_t uid);

#define WB_CLEAN_WORLD __attribute__((cleanup(wb_world_deinit))) struct wb_world
#define WB_CLEAN_UNITS __attribute__((cleanup(wb_units_deinit))) struct wb_units

/* JSON of one world or of the whole record, to be freed. -ENOMEM. */
int wb_world_print(const struct wb_world *world, char **ret);
int wb_units_print(const struct wb_units *units, char **ret);
/* -EBADMSG when it is no such thing; `name` for the sentence. */
int wb_world_parse(
	struct wb_bytes json, const char *name, struct wb_world *ret, struct wb_error *err);
int wb_units_parse(
	struct wb_bytes json, const char *name, struct wb_units *ret, struct wb_error *err);
/* The file. -ENOENT, -EBADMSG, -EACCES, … */
int wb_units_read(const struct wb_files *files, struct wb_units *ret, struct wb_error *err);
int wb_units_write(const struct wb_sys *sys, const struct wb_units *units, struct wb_error *err);

/* The part of a unit's name after the last dot; "" none. */
const char *wb_unit_kind(const char *name);
/* Is it up ("active", or that and at something beside)? */
bool wb_unit_is_up(const struct wb_unit *unit);
/* Is it starting, or waiting for its turn to? */
bool wb_unit_is_starting(const struct wb_unit *unit);
/* Nothing in a boot asks for such a unit: somebody started it, or another unit that ran. */
bool wb_unit_is_by_hand(const struct wb_world *world, const struct wb_unit *unit);

/* One unit of a plan or of a difference. Borrowed from the worlds that were compared. */
struct wb_step {
	const struct wb_unit *unit;
	const struct wb_unit *now; /* the same in this boot; NULL: not loaded */
	const char *why;           /* static or borrowed */
};

struct wb_replay_plan {
	struct wb_step *start; /* in the order in which to start them */
	size_t n_start;
	struct wb_step *leave; /* missing, but not to be started, and why */
	size_t n_leave;
	struct wb_step *added; /* run now and did not run before */
	size_t n_added;
};

/*
 * Compare what ran with what runs. Pure. In `start` a unit comes after those that it is ordered
 * after, through others if need be; where the order goes in a circle, it is broken at one place.
 * -ENOMEM.
 */
int wb_replay_plan(
	const struct wb_world *before, const struct wb_world *now, struct wb_replay_plan *ret);
void wb_replay_plan_deinit(struct wb_replay_plan *plan);

#define WB_CLEAN_REPLAY_PLAN __attribute__((cleanup(wb_replay_plan_deinit))) struct wb_replay_plan

/*
 * Is this boot the one that the recorded jump led to, and the record not replayed yet? rec NULL:
 * no jump is on record. *ret_why is a static sentence when not. Pure.
 */
bool wb_replay_due(const struct wb_units *units, const struct wb_record *rec,
	const struct wb_traces *traces, const char **ret_why);
/* Did this very boot come from a jump, on record or not? rec NULL: none is. Pure. */
bool wb_is_after_jump(const struct wb_record *rec, const struct wb_traces *traces);

/* ---- what a replay came to ---- */

struct wb_replay_result {
	int64_t uid;
	char *unit;
	char *result; /* "started", "late", "skipped", "failed" */
	char *why;    /* a sentence; "" for "started" */
};

struct wb_results {
	char *boot_id;
	int64_t pid; /* of the process that is at it; 0: it is done */
	/* Told of each result or warning (the other NULL) as it is added; NULL: nobody is. */
	void (*tell)(void *arg, const struct wb_replay_result *result, const char *warning);
	void *tell_arg;
	struct wb_replay_result *items;
	size_t n;
	struct wb_strv warnings; /* sentences on what else went wrong */
};

/* The strings are copied. -ENOMEM, -E2BIG. */
int wb_results_add(struct wb_results *results, int64_t uid, const char *unit, const char *result,
	const char *why);
/* Add a warning. */
int wb_results_warn(struct wb_results *results, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void wb_results_deinit(struct wb_results *results);
/* NULL: none. */
const struct wb_replay_result *wb_results_find(
	const struct wb_results *results, int64_t uid, const char *unit);
int wb_results_print(const struct wb_results *results, char **ret);
int wb_results_parse(
	struct wb_bytes json, const char *name, struct wb_results *ret, struct wb_error *err);

#define WB_CLEAN_RESULTS __attribute__((cleanup(wb_results_deinit))) struct wb_results

struct wb_replay_host; /* manager.h */

/*
 * Record what runs now, for the jump whose record `jump` is. What of it could not be recorded is
 * told in `warnings`; when nothing could, nothing is written.
 */
int wb_replay_record(const struct wb_replay_host *host, const struct wb_record *jump,
	struct wb_strv *warnings, struct wb_error *err);
/*
 * The same for the jump on record, right before it is made. Where there is no room for the record,
 * -ENOSPC or -EDQUOT with a sentence, and nothing has changed. Any other failure is a warning, and
 * no older record stays that could be taken for this jump's. *ret_before is what the file was.
 */
int wb_replay_record_first(const struct wb_replay_host *host, struct wb_blob *ret_before,
	struct wb_strv *warnings, struct wb_error *err);
/* The jump was refused after that: what was on record is on record again. */
void wb_replay_take_back(const struct wb_sys *sys, const struct wb_blob *before);

/*
 * Start what ran before the jump and does not run now. That it was done is put down in the record,
 * or where that cannot be written, in WB_REPLAY_PATH alone: both are looked at. -ENOENT: nothing is on
 * record; -EALREADY: it is not for this boot, or was done in it, and `force` is not set; with a
 * sentence, too. A unit that does not start is no failure: it is told in `ret`, and in WB_REPLAY_PATH.
 * ret->tell is set by the caller, and called in the processes of users, too.
 */
int wb_replay_start(const struct wb_replay_host *host, bool force, struct wb_results *ret,
	struct wb_error *err);

/*
 * For systemd's generators: have in this boot, from its beginning, what was masked, set or enabled
 * until the next boot only. Without anything to do, 0.
 */
int wb_replay_generate(const struct wb_replay_host *host, const char *normal, const char *early,
	struct wb_error *err);

/* One manager before the jump and now. */
struct wb_world_difference {
	int64_t uid;
	struct wb_world now;
	struct wb_replay_plan plan; /* borrows from `now` and from the record */
};

struct wb_differences {
	struct wb_units before;
	struct wb_results results;
	struct wb_world_difference *worlds;
	size_t n;
	bool running;  /* it is being replayed right now */
	char *why_not; /* why the record was not replayed to its end in this boot; NULL: it was */
};

/*
 * -ENOENT: this boot did not come from a jump; -ENODATA: it did, and what ran before was not
 * recorded; with a sentence.
 */
int wb_replay_compare(
	const struct wb_replay_host *host, struct wb_differences *ret, struct wb_error *err);
void wb_differences_deinit(struct wb_differences *d);
/* Why is a unit of d->worlds[i].plan.start not up? To be freed; NULL: out of memory. */
char *wb_difference_why(const struct wb_differences *d, size_t i, const struct wb_step *step);

#define WB_CLEAN_DIFFERENCES __attribute__((cleanup(wb_differences_deinit))) struct wb_differences
