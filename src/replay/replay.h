/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The replay: what systemd's managers run is recorded right before a jump. In the boot after it,
 * the units that did not come back by themselves are started, with their full definition.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"
#include "core/list.h"
#include "core/strv.h"
#include "jump/record.h"
#include "systemd/unit.h"

/* The record, written right before a jump; mode 0600, since unit files may hold secrets. */
#define WB_UNITS_PATH "/var/lib/warmboot/units.json"
/*
 * Files with the units of lingering users, one for each user. Only files that the record names
 * count.
 */
#define WB_USER_UNITS_DIR "/var/lib/warmboot/units.d"
/* Results of the replay in this boot; gone with /run. */
#define WB_REPLAY_PATH "/run/warmboot/replay.json"

/* More units than any machine has; a record with more is not accepted. */
#define WB_UNITS_MOST 20000
#define WB_UNITS_LARGEST (64u << 20)
/*
 * Limits of one user's file, and of all of them together, which are in memory at once during a
 * replay. Each user has the same share, so the size of one takes nothing from the others. Bytes of
 * JSON without blanks.
 */
#define WB_USER_LARGEST (1u << 20)
#define WB_USERS_LARGEST (64u << 20)
#define WB_USER_UNITS_MOST 2000
#define WB_USERS_MOST 1000

/* A unit file, drop-in or link below /run that the next boot would not have. */
struct wb_unit_file {
	char *path;
	char *link; /* target of a symbolic link; NULL: a file */
	uint8_t *text;
	size_t size;
};

/* The units and files of one manager. */
struct wb_world {
	int64_t uid; /* the user of the manager; -1: PID 1 */
	struct wb_unit *units;
	size_t n_units;
	struct wb_unit_file *files;
	size_t n_files;
	int64_t cut; /* number of units and files for which there was no room */
};

/* A user's file, as the record names it. */
struct wb_user_file {
	int64_t uid;
	uint64_t size;
	uint8_t sha256[32];
	char *lost; /* a sentence why it could not be read; NULL: it was read, or not yet */
};

/* The record. */
struct wb_units {
	char *boot_id;       /* of the boot before the jump */
	char *nonce;         /* of the jump; NULL: the load has no number */
	char *replayed_boot; /* boot_id in which it was replayed; NULL: not yet */
	int64_t time;        /* seconds of CLOCK_REALTIME */
	/*
	 * The world of PID 1, and those of users once their files have been read. Earlier versions
	 * wrote users' worlds into the record itself; those have no entry in `users`.
	 */
	struct wb_world *worlds;
	size_t n_worlds;
	char *files_id; /* 32 hex digits that are in the names of this record's files; NULL: none */
	struct wb_user_file *users;
	size_t n_users;
};

/* Add a unit. It is zeroed except for its name, and valid until the next call. -ENOMEM, -E2BIG. */
int wb_world_add_unit(struct wb_world *world, const char *name, struct wb_unit **ret);
/* Add a file: `link` or `text`, the other NULL. -ENOMEM, -E2BIG. */
int wb_world_add_file(
	struct wb_world *world, const char *path, const char *link, struct wb_bytes text);
/* Shorten the lists to these lengths. */
void wb_world_shorten(struct wb_world *world, size_t units, size_t files);
void wb_world_deinit(struct wb_world *world);
int wb_units_add_world(struct wb_units *units, struct wb_world *world); /* takes it over */
/*
 * Add a user's file; `lost` is ignored. -ENOMEM, -E2BIG, -EEXIST: the record has that user already.
 */
int wb_units_add_user(struct wb_units *units, const struct wb_user_file *user);
void wb_units_deinit(struct wb_units *units);
/* The world of PID 1 (uid -1) or a user; NULL: none. */
const struct wb_world *wb_units_world(const struct wb_units *units, int64_t uid);

#define WB_CLEAN_WORLD __attribute__((cleanup(wb_world_deinit))) struct wb_world
#define WB_CLEAN_UNITS __attribute__((cleanup(wb_units_deinit))) struct wb_units

/*
 * Remove units and files from the end until the JSON has at most `bytes`, and there are at most
 * WB_USER_UNITS_MOST of each. -ENOMEM.
 */
int wb_world_fit(struct wb_world *world, size_t bytes);
/* Could a user's manager have such units and files? -EBADMSG with a sentence. Pure. */
int wb_world_check(const struct wb_world *world, struct wb_error *err);

/* JSON of one world or of the whole record, to be freed. -ENOMEM. */
int wb_world_print(const struct wb_world *world, char **ret);
int wb_units_print(const struct wb_units *units, char **ret);
/* Parse such JSON. -EBADMSG: it is something else; `name` is for the sentence. */
int wb_world_parse(
	struct wb_bytes json, const char *name, struct wb_world *ret, struct wb_error *err);
int wb_units_parse(
	struct wb_bytes json, const char *name, struct wb_units *ret, struct wb_error *err);
/* Read the record's own file, without users' files. -ENOENT, -EBADMSG, -EACCES, … */
int wb_units_read(const struct wb_files *files, struct wb_units *ret, struct wb_error *err);
int wb_units_write(const struct wb_sys *sys, const struct wb_units *units, struct wb_error *err);

/* ---- users' files (user-files.c) ---- */

/* Path of a user's file. To be freed; NULL: out of memory. */
char *wb_user_file_path(const struct wb_units *units, uint32_t uid);
/*
 * Choose names for a new record's files that no earlier file has. Negative errno with a sentence.
 */
int wb_user_files_begin(const struct wb_sys *sys, struct wb_units *units, struct wb_error *err);
/*
 * Write a user's world into a file of its own, and name it in the record. On failure there is no
 * file.
 */
int wb_user_files_add(const struct wb_sys *sys, struct wb_units *units,
	const struct wb_world *world, struct wb_error *err);
/*
 * Read all files that the record names. A file that is missing, damaged, too large or of another
 * record affects its own user only: `lost` of that user says why. -ENOMEM.
 */
int wb_user_files_read(const struct wb_files *files, struct wb_units *units, struct wb_error *err);
/* Remove the files that the record names, because the record is not written. */
void wb_user_files_remove(const struct wb_sys *sys, const struct wb_units *units);
/* Remove all files that the record does not name; NULL: there is no record. */
void wb_user_files_sweep(const struct wb_sys *sys, const struct wb_units *units);

/* Nothing in a boot asks for such a unit: somebody started it, or another unit that ran. */
bool wb_unit_is_by_hand(const struct wb_world *world, const struct wb_unit *unit);

/* One unit of a plan or of a difference. Borrowed from the worlds that were compared. */
struct wb_step {
	const struct wb_unit *unit;
	const struct wb_unit *now; /* the same unit in this boot; NULL: not loaded */
	const char *why;           /* static or borrowed */
};

struct wb_replay_plan {
	struct wb_step *start; /* in the order of starting */
	size_t n_start;
	struct wb_step *leave; /* missing, but not to be started, with the reason */
	size_t n_leave;
	struct wb_step *added; /* run now and did not run before */
	size_t n_added;
};

/*
 * Compare the units before with those now. Pure. In `start` a unit comes after those that it is
 * ordered after, also through others. A circle is broken at one place. -ENOMEM.
 */
int wb_replay_plan(
	const struct wb_world *before, const struct wb_world *now, struct wb_replay_plan *ret);
void wb_replay_plan_deinit(struct wb_replay_plan *plan);

#define WB_CLEAN_REPLAY_PLAN __attribute__((cleanup(wb_replay_plan_deinit))) struct wb_replay_plan

/*
 * Did the recorded jump lead to this boot, and is the record not replayed yet? rec NULL: no jump is
 * recorded. *ret_why is a static sentence when not. Pure.
 */
bool wb_replay_due(const struct wb_units *units, const struct wb_record *rec,
	const struct wb_traces *traces, const char **ret_why);
/* Did a jump, recorded or not, lead to this boot? rec NULL: none is recorded. Pure. */
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
	int64_t pid; /* of the process that runs the replay; 0: it is done */
	/* Called with each result or warning (the other NULL) as it is added; NULL: no calls. */
	void (*tell)(void *arg, const struct wb_replay_result *result, const char *warning);
	void *tell_arg;
	WB_LIST(struct wb_replay_result);
	struct wb_strv warnings; /* sentences about other problems */
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
 * Record what runs now, for the jump whose record `jump` is. `warnings` says what could not be
 * recorded. If nothing could be recorded, nothing is written.
 */
int wb_replay_record(const struct wb_replay_host *host, const struct wb_record *jump,
	struct wb_strv *warnings, struct wb_error *err);
/*
 * Record what runs for the jump on record, right before it is made. If there is no room for the
 * record, -ENOSPC or -EDQUOT with a sentence, and nothing has changed. Any other failure is a
 * warning, and an older record, which could be taken for this jump's, is removed. *ret_before is
 * the file's old content.
 */
int wb_replay_record_first(const struct wb_replay_host *host, struct wb_blob *ret_before,
	struct wb_strv *warnings, struct wb_error *err);
/* Restore the old record, with the users' files that it names, because the jump was refused. */
void wb_replay_take_back(const struct wb_sys *sys, const struct wb_blob *before);

/*
 * Start the units that ran before the jump and do not run now. The replay is noted in the record,
 * or, if that cannot be written, in WB_REPLAY_PATH alone; both are checked. -ENOENT: there is no
 * record; -EALREADY: it is not for this boot, or was replayed in it, and `force` is not set; both
 * with a sentence. A unit that does not start is no failure: `ret` and WB_REPLAY_PATH report it.
 * The caller sets ret->tell, which is also called in the processes of users.
 */
int wb_replay_start(const struct wb_replay_host *host, bool force, struct wb_results *ret,
	struct wb_error *err);

/*
 * For systemd's generators: restore, from the beginning of this boot, what was masked, set or
 * enabled only until the next boot. 0 also if there is nothing to do.
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
	bool running;  /* the replay is running */
	char *why_not; /* reason why the record was not fully replayed in this boot; NULL: it was */
};

/*
 * Compare the record with what runs now. -ENOENT: no jump led to this boot; -ENODATA: one did, but
 * the units before it were not recorded; with a sentence.
 */
int wb_replay_compare(
	const struct wb_replay_host *host, struct wb_differences *ret, struct wb_error *err);
void wb_differences_deinit(struct wb_differences *d);
/* Reason why a unit of d->worlds[i].plan.start is not up. To be freed; NULL: out of memory. */
char *wb_difference_why(const struct wb_differences *d, size_t i, const struct wb_step *step);

#define WB_CLEAN_DIFFERENCES __attribute__((cleanup(wb_differences_deinit))) struct wb_differences
