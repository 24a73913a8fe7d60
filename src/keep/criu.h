/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running CRIU on one unit: what it is told, where it runs, and what it says.
 *
 * CRIU runs in the namespaces of its target (all but the user and pid namespaces, which a preflight
 * looks at), because it takes for granted what it shares with the target and would have to rebuild
 * what it does not: a unit with PrivateTmp= or ProtectSystem= then looks to it like one without.
 * The program itself is entered through a descriptor from outside, since such a sandbox may forbid
 * executing files (NoExecPaths=).
 *
 * What systemd opened before it made the sandbox is out of CRIU's sight even so: the stream to the
 * journal, and /dev/null on standard input, whose mount is not in the sandbox. These are "externals":
 * CRIU is told to leave them out, and the restore hands it descriptors in their place.
 */
#pragma once

#include "core/strv.h"
#include "keep/json.h"
#include "keep/stream.h"
#include "sys/sys.h"

/* Where the work directories and logs of CRIU's runs are: DIR/UNIT/dump.log and so on. */
#define WB_CRIU_DIR "/run/warmboot/criu"

/* A file descriptor of the unit that CRIU leaves out and is given back at the restore. */
struct wb_criu_external {
	char *id;         /* as CRIU names it: "unix[INODE]", "file[MOUNT:INODE]" (in hex) */
	char *path;       /* file: what to open; NULL: the unit's stream to the journal */
	int64_t fd;       /* stream: where a restorer under systemd has its own, 1 or 2 */
	int64_t flags;    /* file: as open(2) has them */
	int64_t position; /* file */
};

/*
 * What both sides must know of one unit's checkpoint and CRIU's images do not tell. It is the
 * `image` of struct wb_manifest_unit.
 */
struct wb_criu_image {
	int64_t main_pid;
	WB_LIST(int64_t) pids; /* all of the unit, the main one too */
	WB_LIST(struct wb_criu_external) externals;
	/*
	 * The tasks live in a user namespace of their own that maps each id onto itself
	 * (PrivateUsers=self). They come back in the machine's: only there may TCP be repaired.
	 */
	bool own_users;
	/*
	 * The main process is in a session whose leader is gone, as a daemon that forked twice. It
	 * comes back in that of its restorer.
	 */
	bool foreign_session;
	bool incremental;  /* the images are those of a pre-dump and of what changed after it */
	char *version;     /* of CRIU: "4.1.1" */
	int64_t bytes;     /* of all images */
	int64_t frozen_us; /* how long the tasks stood still for it; 0 unknown */
};

int wb_criu_image_read(const json_t *json, struct wb_criu_image *ret, struct wb_error *err);
json_t *wb_criu_image_write(const struct wb_criu_image *image); /* NULL: out of memory */
void wb_criu_image_deinit(struct wb_criu_image *image);
#define WB_CLEAN_CRIU_IMAGE __attribute__((cleanup(wb_criu_image_deinit))) struct wb_criu_image

/* ---- dump ---- */

struct wb_criu_dump {
	const char *program; /* path of criu; NULL: where Debian has it */
	const char *unit;
	const struct wb_criu_image *image;
	const struct wb_stream_sink *sink;
	const char *dir;     /* NULL: WB_CRIU_DIR */
	int timeout_seconds; /* in which nothing moves; 0: a minute */
	/*
	 * Only what has changed since wb_criu_predump() of this unit, in this boot; the images of
	 * both are one whole. For wb_criu_freeze(), once: whether it is committed or cancelled, the
	 * next one needs another pre-dump.
	 */
	bool incremental;
};

/*
 * Write the unit's memory into the sink while it runs; it stands still only for as long as its pages
 * are listed. The images have WB_MERGE_BEFORE before their names; what a later incremental dump must
 * know of them stays in the work directory. Takes as much
 * memory again as the unit has until it returns. Errors as below; a kernel that does not track
 * changes is -EREMOTEIO.
 */
int wb_criu_predump(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, struct wb_error *err);

/* A dump that is complete but for the last word; the unit stands still. */
struct wb_criu_frozen;

/*
 * Checkpoint a unit into the sink and let it go on at once: a rehearsal. *ret_frozen_us: how long
 * it stood still. On failure the unit goes on, too. -ENOENT no CRIU here; -EREMOTEIO what CRIU says,
 * and where its log is; -ENOSPC and the like from the sink; -ESRCH the unit is gone; -EIO CRIU hung
 * and had to be killed: the unit may not have survived that.
 */
int wb_criu_rehearse(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, int64_t *ret_frozen_us, struct wb_error *err);
/*
 * Checkpoint it and stop there: all images are in the sink, every task is frozen, and no packet
 * goes in or out. To be ended by wb_criu_commit() or wb_criu_cancel(); if this process dies, that
 * is as wb_criu_cancel(). Errors as above; the unit then goes on.
 */
int wb_criu_freeze(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, struct wb_criu_frozen **ret, struct wb_error *err);
/*
 * It shall live in the next kernel: the tasks are killed here, without a FIN or RST, and CRIU's
 * rules, which keep packets from their connections, stay. Frees `frozen`. -EREMOTEIO, -EIO.
 */
int wb_criu_commit(struct wb_criu_frozen *frozen, struct wb_error *err);
/* The unit goes on here, with its connections. Frees `frozen`. NULL-safe. -EREMOTEIO, -EIO. */
int wb_criu_cancel(struct wb_criu_frozen *frozen, struct wb_error *err);

/* ---- restore ---- */

struct wb_criu_restore {
	const char *program; /* as above */
	const char *unit;
	const struct wb_criu_image *image;
	const struct wb_stream_source *source;
	/* Namespaces to restore into, the mount namespace last; the caller's own for the others. */
	const int *namespaces;
	size_t n_namespaces;
	const char *dir;     /* as above */
	const char *pidfile; /* gets the main process's number; NULL: none */
	int timeout_seconds; /* as above */
};

/*
 * Bring a unit back. The caller is in the unit's cgroup, has every capability and no seccomp filter
 * (CRIU cannot suspend the filters of its tasks when it is filtered itself), and has the unit's new
 * journal stream on descriptors 1 and 2. -EREMOTEIO what CRIU says; and what the source says.
 */
int wb_criu_restore(const struct wb_sys *sys, const struct wb_criu_restore *restore,
	struct wb_stream_stats *ret_stats, struct wb_error *err);

/* ---- its parts: pure ---- */

/*
 * The command line. `dir`: path of the images and work directory in the namespace where CRIU runs;
 * hook: the action script, or NULL to leave the tasks running. -ENOMEM.
 */
int wb_criu_dump_argv(
	const struct wb_criu_dump *dump, const char *dir, const char *hook, struct wb_strv *ret);
/*
 * An incremental dump into the directory `images`, with "../before" beside it; logs go to `dir`. And
 * the dump before it. -ENOMEM.
 */
int wb_criu_incremental_argv(const struct wb_criu_dump *dump, const char *dir, const char *images,
	const char *hook, struct wb_strv *ret);
int wb_criu_predump_argv(
	const struct wb_criu_dump *dump, const char *dir, const char *images, struct wb_strv *ret);
/* fds: for each external the descriptor that takes its place. */
int wb_criu_restore_argv(const struct wb_criu_restore *restore, const char *dir, const int *fds,
	struct wb_strv *ret);
/*
 * What went wrong, from a log: its first error that is one, without time and place, as part of a
 * sentence. "" when there is none. Borrowed in `buf`.
 */
const char *wb_criu_reason(struct wb_bytes log, char *buf, size_t n);
/* How long the tasks stood still, in microseconds, from a stats-dump file. -EBADMSG. */
int wb_criu_parse_stats(struct wb_bytes file, int64_t *ret_frozen_us);
/* "4.1.1" from what --version prints. -EBADMSG. *ret to be freed. */
int wb_criu_parse_version(struct wb_bytes text, char **ret);
/*
 * An ids-PID.img whose task is in the user namespace that CRIU itself was in, according to
 * inventory.img: for struct wb_criu_image.own_users. -EBADMSG, -ENOMEM.
 */
int wb_criu_adopt_users(struct wb_bytes ids, struct wb_bytes inventory, struct wb_blob *ret);
