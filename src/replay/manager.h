/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Access to the machine for this directory, which tests replace, and functions that its files
 * share.
 */
#pragma once

#include <string.h>

#include "core/mountinfo.h"
#include "replay/replay.h"
#include "systemd/manager.h"
#include "systemd/runtime.h"

/* A job for a process of its own; it writes its answer to `out`. */
typedef int (*wb_beside_job)(void *arg, struct wb_blob *out, struct wb_error *err);

/* Make `text` the answer of a process. -ENOMEM. */
static inline int wb_give_answer(struct wb_blob *out, const char *text, struct wb_error *err)
{
	return wb_blob_append(out, text, strlen(text)) < 0 ? wb_oom(err) : 0;
}

/* A task for a program with a user's rights (user.c). */
struct wb_user_task {
	const char *name; /* "observe", "glance", "replay" */
	/* of a replay: time at which it has to be over, as now_usec() counts */
	uint64_t end;
	struct wb_bytes input; /* of a replay: the recorded units, as JSON */
};

/* A process that was started. */
struct wb_child {
	int64_t uid;
	int pid, fd;
	int64_t until; /* time at which it has to have answered, in milliseconds */
	size_t most;   /* bytes of its answer */
};

struct wb_replay_host {
	const struct wb_sys *sys;
	void *ctx;
	/* Units of the system that ended by themselves after they were recorded; NULL: none. */
	const struct wb_strv *ended;
	/* uid -1: PID 1. To be closed with ret->close(). */
	int (*open)(void *ctx, int64_t uid, struct wb_manager *ret, struct wb_error *err);
	/* -EEXIST when the path exists. Makes missing directories. */
	int (*make_link)(void *ctx, const char *target, const char *path);
	/* Does the user's manager start without a login? */
	bool (*lingers)(void *ctx, uint32_t uid);
	/*
	 * Start this program with the user's rights and no others, without this process's memory,
	 * descriptors or environment, for a task that ends within so many seconds. Files in a
	 * user's directories are touched only in this way. Its answer, of at most WB_USER_LARGEST
	 * bytes, is not trusted. finish() returns it and has to be called.
	 */
	int (*ask)(void *ctx, uint32_t uid, unsigned seconds, const struct wb_user_task *task,
		struct wb_child *ret, struct wb_error *err);
	/*
	 * Start `job` for a user in a separate process that has the rights of this one. finish()
	 * returns its answer and has to be called.
	 */
	int (*begin)(void *ctx, uint32_t uid, unsigned seconds, wb_beside_job job, void *arg,
		struct wb_child *ret, struct wb_error *err);
	/*
	 * Wait for the answer of ask() or begin(), until the time is up, and end the process. -ETIMEDOUT,
	 * -EFBIG, or the process's own failure with its sentence.
	 */
	int (*finish)(void *ctx, struct wb_child *child, struct wb_blob *ret, struct wb_error *err);
};

/*
 * The real machine, through `sys` where possible. program: path of this program, for ask(); NULL:
 * the running one.
 */
struct wb_replay_host wb_replay_host_real(const struct wb_sys *sys, const char *program);
/* Its ask() (host-user.c). The context is the path. */
int wb_host_ask(void *ctx, uint32_t uid, unsigned seconds, const struct wb_user_task *task,
	struct wb_child *ret, struct wb_error *err);

/* ---- unit files below /run (files.c) ---- */

/* Record the unit files, drop-ins and links that only /run holds. -ENOMEM, -E2BIG. */
int wb_runtime_files_read(const struct wb_files *files, struct wb_world *world);
/*
 * Names of the transient units whose files are missing, of the types that systemd can create as
 * transient. -ENOMEM.
 */
int wb_runtime_files_transient(
	const struct wb_files *files, const struct wb_world *world, struct wb_strv *ret);
/*
 * Write the missing files back, and overwrite those of the transient units in `made`. One sentence
 * in `warnings` for each failure. -ENOMEM.
 */
int wb_runtime_files_write(const struct wb_replay_host *host, const struct wb_world *world,
	const struct wb_strv *made, size_t *ret_written, struct wb_strv *warnings);
/*
 * For a systemd generator: write the files below the generator's directories instead, with the same
 * precedence.
 */
int wb_runtime_files_generate(const struct wb_replay_host *host, const struct wb_world *world,
	const char *normal, const char *early);

/* ---- mounts and swap made by hand (mounts.c) ---- */

/*
 * Write the unit file of a mount that has none. 1 with its text in *ret, to be freed; 0: it cannot
 * be made again, with the reason in *ret_why (static); -ENOENT: nobody made this mount by hand;
 * -ENOMEM. by_uuid: names and targets of /dev/disk/by-uuid, in turn. Pure.
 */
int wb_mount_define(const struct wb_mounts *mounts, const struct wb_strv *by_uuid,
	const char *where, char **ret, const char **ret_why);
int wb_swap_define(const char *what, int priority, const struct wb_strv *by_uuid, char **ret,
	const char **ret_why);
/* Read /dev/disk/by-uuid. Missing parts are left out. -ENOMEM. */
int wb_by_uuid_read(const struct wb_files *files, struct wb_strv *ret);

/* ---- observing (observe.c) ---- */

/* For the record: all units of a manager, with everything that is needed to start them again. */
int wb_world_observe(const struct wb_replay_host *host, struct wb_manager *m, int64_t uid,
	struct wb_world *ret, struct wb_error *err);
/* For a comparison: names and states only. */
int wb_world_glance(struct wb_manager *m, int64_t uid, struct wb_world *ret, struct wb_error *err);

/* ---- users (user.c) ---- */

/*
 * For the program with the user's rights: do the task, and write the answer. -EINVAL no such task.
 */
int wb_user_task_run(const struct wb_replay_host *host, uint32_t uid,
	const struct wb_user_task *task, struct wb_blob *out, struct wb_error *err);
/*
 * Ask a user's manager for all its units, or for names and states only. The answer is cut to
 * `share` bytes. Errors of ask() and finish(), or -EBADMSG.
 */
int wb_user_ask(const struct wb_replay_host *host, uint32_t uid, bool states_only,
	struct wb_child *ret, struct wb_error *err);
int wb_user_answer(const struct wb_replay_host *host, struct wb_child *child, size_t share,
	struct wb_world *ret, struct wb_error *err);
/* The share of each of n users in a record. */
size_t wb_user_share(size_t n);
/* Ask for names and states, and wait for the answer. */
int wb_user_glance(const struct wb_replay_host *host, uint32_t uid, struct wb_world *ret,
	struct wb_error *err);
/* Replay a user's units, in a process with that user's rights (replay.c). */
int wb_user_replay(const struct wb_replay_host *host, const struct wb_world *before, uint64_t end,
	struct wb_blob *out, struct wb_error *err);
