/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running CRIU on one unit: its command line, the namespaces in which it runs, and its answers.
 *
 * CRIU runs in the namespaces of its target, except the user and pid namespaces, which the
 * preflight checks. CRIU does not save a namespace that it shares with the target, and would have
 * to rebuild every other one. So a unit with PrivateTmp= or ProtectSystem= looks to CRIU like a
 * unit without. CRIU's program is executed through a descriptor from outside, because such a
 * sandbox may forbid executing files (NoExecPaths=).
 *
 * systemd opens some files before it makes the sandbox: the stream to the journal, and /dev/null on
 * standard input, whose mount is not in the sandbox. CRIU cannot find these. They are "externals":
 * CRIU leaves them out of the dump, and the restore passes descriptors in their place.
 */
#pragma once

#include "core/json-table.h"
#include "core/strv.h"
#include "images/stream.h"
#include "sys/identity.h"
#include "sys/runner.h"
#include "sys/sys.h"

struct wb_ns_ops;

/* Work directories and logs of CRIU's runs: DIR/UNIT/dump.log and so on. */
#define WB_CRIU_DIR "/run/warmboot/criu"

/* A file descriptor of the unit that CRIU leaves out of the dump and gets again at the restore. */
struct wb_criu_external {
	char *id;   /* CRIU's name for it: "unix[INODE]", "file[MOUNT:INODE]" (in hex) */
	char *path; /* file: the path to open; NULL: a socket */
	/* Socket: a connection whose other end is closed takes its place. Otherwise: the unit's stream to the journal. */
	bool reset;
	bool packets; /* reset: it is of SOCK_SEQPACKET */
	int64_t fd; /* stream: the descriptor, 1 or 2, on which a restorer under systemd has its own */
	int64_t flags;               /* file: flags of open(2) */
	int64_t position;            /* file */
	struct wb_identity identity; /* file: its identity, which must be the same */
};

#define WB_CRIU_NAMES 64 /* at most in one image */
/* A Unix socket whose file was renamed or linked after bind(2), in the directory of both names. */
struct wb_criu_name {
	char *bound; /* the name that was bound, and is gone */
	char *now;   /* the name that its clients know */
	int64_t owner; /* the file's user: an older socket by this name is replaced only if it is the same user's */
};
/* Memory of a task that a child of fork(2) finds empty (criu/areas.h). */
struct wb_criu_area {
	int64_t pid, start, end;
	bool droppable; /* MAP_DROPPABLE, not MADV_WIPEONFORK */
};
/* The most areas of a unit. */
#define WB_CRIU_AREAS (1 << 16)
/* A timerfd that was set to a time, and not to go off after a while (criu/timers.h). */
struct wb_criu_timer {
	int64_t pid, fd; /* a descriptor of it; there may be more */
	int64_t clock;
	int64_t flags;       /* as in timerfd_settime(2) */
	int64_t at_s, at_ns; /* the time, as its process sees that clock */
	int64_t every_s, every_ns;
	int64_t ticks; /* how often it has gone off since it was read */
	bool set;      /* it has still to go off */
};
/* The label of a thread, without a line break. */
struct wb_criu_label {
	int64_t pid, tid;
	char *text;
};
/* The most threads of a unit with a label. */
#define WB_CRIU_LABELS (1 << 14)
/* The most such timers of a unit. */
#define WB_CRIU_TIMERS (1 << 14)

/*
 * Facts about a checkpoint that both sides need and that CRIU's images do not hold. This is the
 * `image` of struct wb_manifest_unit.
 */
struct wb_criu_image {
	int64_t main_pid;
	WB_LIST(int64_t) pids; /* all processes of the unit, with the main one */
	WB_LIST(struct wb_criu_external) externals;
	/*
	 * The tasks live in a user namespace that maps each id to itself (PrivateUsers=self). They
	 * are restored into the machine's user namespace, because CRIU can repair TCP only there.
	 */
	bool own_users;
	/*
	 * The main process is in a session whose leader has ended, like a daemon that forked twice.
	 * It is restored into the session of its restorer.
	 */
	bool foreign_session;
	bool own_network; /* PrivateNetwork=: they come back in the network namespace that systemd makes for the unit */
	bool part_of_proc; /* ProcSubset=pid: its /proc hides what CRIU reads, so CRIU gets its own */
	/*
	 * CRIU saves the IPC namespace of the tasks, and restores it as a new one; of what it holds,
	 * these segments of shared memory come back.
	 */
	bool own_ipc;
	WB_LIST(int64_t) segments;
	WB_LIST(struct wb_criu_name) names;
	WB_LIST(struct wb_criu_area) areas;
	WB_LIST(struct wb_criu_timer) timers;
	/*
	 * Inodes of Unix datagram sockets that systemd has bound: CRIU finds nothing to read in
	 * them, and the restore has new ones.
	 */
	WB_LIST(int64_t) unread;
	/* DynamicUser=: systemd must give this user the same number again; NULL: there is none. */
	char *dynamic_user;
	int64_t dynamic_uid;
	/* The features of the CPU that programs had: wb_cpu_offers(). */
	WB_LIST(int64_t) cpu;
	/* The labels of security modules that are not "unconfined" (proc_pid_attr_current(5)). */
	WB_LIST(struct wb_criu_label) labels;
	bool incremental;  /* the images are those of a pre-dump, and of the changes after it */
	char *version;     /* of CRIU: "4.1.1" */
	int64_t bytes;     /* of all images */
	int64_t frozen_us; /* how long the tasks were frozen for the dump; 0: unknown */
};

int wb_criu_image_read(const json_t *json, struct wb_criu_image *ret, struct wb_error *err);
json_t *wb_criu_image_write(const struct wb_criu_image *image); /* NULL: out of memory */
/* Append the paths of those externals that are files to *ret. -ENOMEM. */
int wb_criu_external_paths(const struct wb_criu_image *image, struct wb_strv *ret);
void wb_criu_image_deinit(struct wb_criu_image *image);
#define WB_CLEAN_CRIU_IMAGE __attribute__((cleanup(wb_criu_image_deinit))) struct wb_criu_image

/*
 * CRIU's version, to be freed. NULL: CRIU is not installed or does not print it. program NULL:
 * Debian's path.
 */
char *wb_criu_version(const struct wb_runner *runner, const char *program);
/*
 * Let CRIU find out what the running kernel can do, unless it has done so in this boot. It notes that in
 * /run/criu.kdat. Otherwise each CRIU that is started before the first one is ready would do so. Modules that only a
 * dump needs are not loaded: wb_criu_load_modules().
 */
void wb_criu_probe(const struct wb_sys *sys, const struct wb_runner *runner);

/* ---- dump ---- */

struct wb_criu_dump {
	const char *program; /* path of criu; NULL: Debian's path */
	const char *unit;
	const char *cgroup; /* the main process must be in it */
	const struct wb_criu_image *image;
	const struct wb_stream_sink *sink;
	const char *dir;     /* NULL: WB_CRIU_DIR */
	int timeout_seconds; /* longest wait without progress; 0: a minute */
	/*
	 * Dump only the changes since wb_criu_predump() of this unit in this boot; both sets of
	 * images belong together. This is for wb_criu_freeze(), once: after a commit or a cancel,
	 * the next incremental dump needs a new pre-dump.
	 */
	bool incremental;
	/* Packets of all its connections are held from here on until its restore: CRIU needs no rules of its own. */
	bool held;
	const struct wb_ns_ops *namespaces; /* NULL: wb_ns_ops_host */
};

/*
 * Pre-dump: write the unit's memory into the sink while the unit runs. It is frozen only while its
 * pages are listed. The names of the images begin with WB_MERGE_BEFORE; a copy of those that a
 * later incremental dump needs stays in the work directory. Until it returns, this takes as much
 * memory again as the unit has. Errors as below; -EREMOTEIO also if the kernel does not track
 * changes.
 */
int wb_criu_predump(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, struct wb_error *err);

/* A dump that is complete but not ended. The unit is frozen. */
struct wb_criu_frozen;

/*
 * Rehearsal: checkpoint a unit into the sink and let it run on at once. *ret_frozen_us: how long it
 * was frozen. The unit runs on after a failure, too. -ENOENT: CRIU is not installed; -EREMOTEIO:
 * CRIU failed, with its error and the place of its log; -ENOSPC and other errors of the sink;
 * -ESRCH: the unit has ended; -EIO: CRIU hung and was killed, which the unit may not have survived.
 */
int wb_criu_rehearse(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, int64_t *ret_frozen_us, struct wb_error *err);
/*
 * Checkpoint a unit and keep it frozen: all images are in the sink, and no packet of its
 * connections goes in or out. wb_criu_commit() or wb_criu_cancel() ends this; the death of this
 * process does the same as wb_criu_cancel(). Errors as above; the unit then runs on.
 */
int wb_criu_freeze(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, struct wb_criu_frozen **ret, struct wb_error *err);
/*
 * The unit will run in the next kernel: kill its tasks here, without a FIN or RST. CRIU's packet
 * filter rules stay. Frees `frozen`. -EREMOTEIO, -EIO.
 */
int wb_criu_commit(struct wb_criu_frozen *frozen, struct wb_error *err);
/* Let the unit run on here, with its connections. Frees `frozen`. NULL-safe. -EREMOTEIO, -EIO. */
int wb_criu_cancel(struct wb_criu_frozen *frozen, struct wb_error *err);

/* ---- restore ---- */

struct wb_criu_restore {
	const char *program; /* as above */
	const char *unit;
	const struct wb_criu_image *image;
	const struct wb_stream_source *source;
	/* Namespaces of the restore, the mount namespace last. Others are the caller's. */
	const int *namespaces;
	size_t n_namespaces;
	/* Sockets that systemd has bound: a socket of the unit with the address of one becomes a copy of it. */
	const int *handed;
	size_t n_handed;
	const char *dir;     /* as above */
	const char *pidfile; /* the main process's pid is written here; NULL: nowhere */
	int timeout_seconds; /* as above */
	/* The capabilities that its netlink sockets have been opened with, as bits of linux/capability.h. */
	uint64_t netlink_rights;
	/*
	 * Called when all tasks are restored and none has run yet. A negative errno with a sentence makes the
	 * restore fail. NULL: there is no check.
	 */
	int (*check)(void *ctx, struct wb_error *err);
	/* Called after a failed check(): kill the restored tasks, because they must not run. */
	void (*kill)(void *ctx);
	void *ctx;
	const struct wb_ns_ops *machine; /* opens files of the machine; NULL: wb_ns_ops_host */
};

/*
 * Restore a unit. The caller is in the unit's cgroup, has every capability and no seccomp filter (a
 * filtered CRIU cannot suspend the filters of its tasks), and has the unit's new journal stream on
 * descriptors 1 and 2. -EREMOTEIO: CRIU failed, with its error; and errors of the source.
 */
int wb_criu_restore(const struct wb_sys *sys, const struct wb_criu_restore *restore,
	struct wb_stream_stats *ret_stats, struct wb_error *err);

/* ---- pure parts ---- */

/*
 * The command line of a dump. `dir`: path of the images and of the work directory in the namespace
 * where CRIU runs; hook: the action script, or NULL to leave the tasks running. -ENOMEM.
 */
int wb_criu_dump_argv(
	const struct wb_criu_dump *dump, const char *dir, const char *hook, struct wb_strv *ret);
/*
 * The command line of an incremental dump into the directory `images`, which has "../before" beside
 * it, and of the pre-dump. Logs go to `dir`. -ENOMEM.
 */
int wb_criu_incremental_argv(const struct wb_criu_dump *dump, const char *dir, const char *images,
	const char *hook, struct wb_strv *ret);
int wb_criu_predump_argv(
	const struct wb_criu_dump *dump, const char *dir, const char *images, struct wb_strv *ret);
/* hook: the action script, or NULL; fds: for each external the descriptor that replaces it. */
int wb_criu_restore_argv(const struct wb_criu_restore *restore, const char *dir, const char *hook,
	const int *fds, struct wb_strv *ret);
/*
 * Find the reason of a failure in a log: the first error that is not harmless, without time and
 * place, as part of a sentence. "": there is none. Borrowed in `buf`.
 */
const char *wb_criu_reason(struct wb_bytes log, char *buf, size_t n);
/* From a stats-dump image: how long the tasks were frozen, in microseconds. -EBADMSG. */
int wb_criu_parse_stats(struct wb_bytes file, int64_t *ret_frozen_us);
/* Get "4.1.1" from the output of --version. -EBADMSG. *ret is to be freed. */
int wb_criu_parse_version(struct wb_bytes text, char **ret);
/*
 * Change an ids-PID.img: its task is in CRIU's own user namespace, as inventory.img names it. For
 * struct wb_criu_image.own_users. -EBADMSG, -ENOMEM.
 */
int wb_criu_adopt_users(struct wb_bytes ids, struct wb_bytes inventory, struct wb_blob *ret);
