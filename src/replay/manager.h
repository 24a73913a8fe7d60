/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables through which this room reaches systemd and the machine, so that tests fake them. */
#pragma once

#include "replay/replay.h"

/* What a unit's manager tells of it beyond struct wb_unit. Owned strings, NULL where unknown. */
struct wb_unit_facts {
	bool can_isolate;
	bool asked;     /* some unit wants or needs it; not looked at where it is running */
	bool oneshot;   /* of a service: its start is all that it does; only where it is starting */
	char *bus_name; /* of a service: its name on the bus, "" none */
	char *where;    /* of a mount: where it is mounted */
	char *what;     /* of a swap: file or device */
	int priority;
};

/* One manager of systemd: PID 1, or a user's. */
struct wb_manager {
	void *ctx;
	/* Add every loaded unit to `ret`: name, active ("activating" with a start to come), sub. */
	int (*list)(void *ctx, struct wb_world *ret, struct wb_error *err);
	/* Fill in the rest of a unit, but for `cannot`. */
	int (*facts)(
		void *ctx, struct wb_unit *unit, struct wb_unit_facts *ret, struct wb_error *err);
	/*
	 * Make empty transient units of these names, started by nobody, to be filled in through
	 * their files and a reload: only what began that way goes without a trace when it ends.
	 * They are held until release(). On failure some may have been made.
	 */
	int (*make_transient)(void *ctx, const struct wb_strv *names, struct wb_error *err);
	void (*release)(void *ctx);
	/* Read all unit files again. */
	int (*reload)(void *ctx, struct wb_error *err);
	/* Ask for a unit's start; *ret_job to be freed. Negative errno with systemd's sentence. */
	int (*start)(void *ctx, const char *unit, char **ret_job, struct wb_error *err);
	/*
	 * Wait until a job has ended, until now_usec() is `until`. 1 with the job and systemd's word
	 * for its end ("done", "failed", "dependency", …), both to be freed; 0: it is late.
	 */
	int (*wait)(
		void *ctx, uint64_t until, char **ret_job, char **ret_result, struct wb_error *err);
	/* Does the job wait for others still? */
	bool (*is_waiting)(void *ctx, const char *job);
	/* Drop a job; a unit that is starting goes on doing so. */
	void (*cancel)(void *ctx, const char *job);
	/* How the unit ended last: "exit-code", "timeout", …; NULL unknown. To be freed. */
	char *(*result)(void *ctx, const char *unit);
	uint64_t (*now_usec)(void *ctx);
	void (*close)(void *ctx);
};

/* What runs in a process of the user's own; writes its answer to `out`. */
typedef int (*wb_user_job)(void *arg, struct wb_blob *out, struct wb_error *err);

/* A process that was begun. */
struct wb_child {
	int64_t uid;
	int pid, fd;
	int64_t until; /* when it has to have answered, in milliseconds */
};

struct wb_replay_host {
	const struct wb_sys *sys;
	void *ctx;
	/* The system's units that ended by themselves after they were recorded; NULL: none. */
	const struct wb_strv *ended;
	/* uid -1: PID 1. To be closed with ret->close(). */
	int (*open)(void *ctx, int64_t uid, struct wb_manager *ret, struct wb_error *err);
	/* -EEXIST when something is there. Makes missing directories. */
	int (*make_link)(void *ctx, const char *target, const char *path);
	/* Does the user's manager come up without a login? */
	bool (*lingers)(void *ctx, uint32_t uid);
	/*
	 * Run `job` with the user's rights and no others, at most that long, and bring its answer.
	 * What lies in a user's directories is only touched in this way.
	 */
	int (*as_user)(void *ctx, uint32_t uid, unsigned seconds, wb_user_job job, void *arg,
		struct wb_blob *ret, struct wb_error *err);
	/*
	 * Begin `job` in a process beside this one, for a user but with the rights that this one
	 * has; its answer is brought by finish(), which has to be called.
	 */
	int (*begin)(void *ctx, uint32_t uid, unsigned seconds, wb_user_job job, void *arg,
		struct wb_child *ret, struct wb_error *err);
	int (*finish)(void *ctx, struct wb_child *child, struct wb_blob *ret, struct wb_error *err);
};

/* The machine, reached through `sys` where that will do. */
struct wb_replay_host wb_replay_host_real(const struct wb_sys *sys);

static inline void wb_manager_close(struct wb_manager *m)
{
	if (m->close)
		m->close(m->ctx);
}

#define WB_CLEAN_MANAGER __attribute__((cleanup(wb_manager_close))) struct wb_manager

/* ---- unit files below /run (files.c) ---- */

/* "/run/systemd", or "/run/user/UID/systemd". To be freed; NULL: out of memory. */
char *wb_runtime_dir(int64_t uid);
/* Record the unit files, drop-ins and links that only /run holds. -ENOMEM, -E2BIG. */
int wb_runtime_files_read(const struct wb_files *files, struct wb_world *world);
/*
 * Is it one that may be written back: below the right directories, and nowhere else? The name of
 * the directory in *ret_dir: "transient", "system", …; what is below it in *ret_rest.
 */
bool wb_runtime_file_split(const char *path, int64_t uid, char ret_dir[32], const char **ret_rest);
/*
 * Names of the transient units whose files are missing, of the kinds that systemd lets be made
 * transient. -ENOMEM.
 */
int wb_runtime_files_transient(
	const struct wb_files *files, const struct wb_world *world, struct wb_strv *ret);
/*
 * Write those back that are missing, and over those of the transient units in `made`. One sentence
 * in `warnings` for each failure. -ENOMEM.
 */
int wb_runtime_files_write(const struct wb_replay_host *host, const struct wb_world *world,
	const struct wb_strv *made, size_t *ret_written, struct wb_strv *warnings);
/*
 * For a systemd generator: write them below the generator's directories instead, with the
 * precedence that they had.
 */
int wb_runtime_files_generate(const struct wb_replay_host *host, const struct wb_world *world,
	const char *normal, const char *early);

/* ---- mounts and swap made by hand (mounts.c) ---- */

/*
 * The unit file of a mount that no unit file made. 1 with its text in *ret, to be freed; 0: it
 * cannot be made again, with the reason in *ret_why (static); -ENOENT: it is none that anybody made
 * by hand; -ENOMEM. by_uuid: names and targets of /dev/disk/by-uuid, in turn. Pure.
 */
int wb_mount_define(const char *mountinfo, const struct wb_strv *by_uuid, const char *where,
	char **ret, const char **ret_why);
int wb_swap_define(const char *what, int priority, const struct wb_strv *by_uuid, char **ret,
	const char **ret_why);
/* Read those. Whatever is missing is left out. -ENOMEM. */
int wb_by_uuid_read(const struct wb_files *files, struct wb_strv *ret);

/* ---- observing (observe.c) ---- */

/* All that a manager runs and what is needed to start it again, for the record. */
int wb_world_observe(const struct wb_replay_host *host, struct wb_manager *m, int64_t uid,
	struct wb_world *ret, struct wb_error *err);
/* Names and states only, to compare with. */
int wb_world_glance(struct wb_manager *m, int64_t uid, struct wb_world *ret, struct wb_error *err);
/*
 * The same two of a user's manager, in a process with that user's rights. The answer is the user's
 * word, but for the uid. Errors as as_user() has them, or -EBADMSG.
 */
int wb_user_observe(const struct wb_replay_host *host, uint32_t uid, struct wb_world *ret,
	struct wb_error *err);
int wb_user_glance(const struct wb_replay_host *host, uint32_t uid, struct wb_world *ret,
	struct wb_error *err);
/* For a wb_user_job: its answer is `text`. -ENOMEM. */
int wb_give_answer(struct wb_blob *out, const char *text, struct wb_error *err);
