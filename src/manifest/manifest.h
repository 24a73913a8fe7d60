/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manifest: the data that crosses a jump besides images. It is one JSON object in the store, written by the
 * freeze and read by every part of the restore. It is small: large data are objects of their own, which it
 * names.
 *
 * The next boot uses it as follows. For each unit that was checkpointed the generator writes a replacement
 * unit, which has the same sandbox, cgroup and limits, and this start:
 *
 *	ExecStartPre=!warmboot thaw --anchor UNIT     runs in the sandbox; hands systemd its mount
 *	                                              namespace to keep (FDSTORE=1)
 *	ExecStart=+warmboot thaw UNIT                 in the unit's cgroup and on its new journal
 *	                                              stream, with every privilege and no seccomp
 *	                                              filter; enters that namespace, runs CRIU there
 *
 * (The restore does not run in the sandbox itself: PrivateDevices= and similar settings bring filters, and
 * CRIU cannot restore a filtered task when it is filtered itself.)
 */
#pragma once

#include "core/json-table.h"
#include "manifest/way.h"
#include "net/ends.h"
#include "net/net.h"
#include "net/silence.h"
#include "net/sockets.h"
#include "sys/identity.h"
#include "systemd/definition.h"
#include "systemd/stored.h"

/* The object's name in the store. */
#define WB_MANIFEST_OBJECT "manifest"
#define WB_MANIFEST_VERSION 1
/* The size limit in bytes. */
#define WB_MANIFEST_MOST (64u << 20)
/* The limit of files of one unit. */
#define WB_MANIFEST_FILES (1 << 20)
/* The generator leaves a copy (0600) here for later parts of the boot. */
#define WB_MANIFEST_COPY "/run/warmboot/keep.json"

/* A file on a tmpfs, which a reboot would lose: it is written again before the restore. */
struct wb_manifest_file {
	char *path;   /* absolute, as the unit's processes see it; any bytes, as in `target` */
	int64_t mode; /* permission bits */
	int64_t uid, gid;
	int64_t mtime_ns; /* since 1970; negative before */
	bool directory;   /* then there is no object */
	bool parent;  /* a directory above other files: made if it is missing, else left alone */
	bool fifo;    /* mkfifo(3); no object, either */
	char *target; /* of a symbolic link; else NULL */
	char *link; /* the path of an earlier file in the list, if this is another name of it; or NULL */
	char *object; /* in the store, with the contents; NULL: directory, link, or empty */
};

/* A file descriptor that gets a new other end: the stream to the journal behind stdout or stderr. */
struct wb_manifest_stream {
	int64_t inode; /* of the socket, as CRIU's --external unix[INODE] names it */
	int64_t fd;    /* the restorer's descriptor that takes its place: 1 or 2 */
};

/* CPUs of the largest machine that the kernel can be built for. */
#define WB_MANIFEST_CPUS 8192
/* Limits of one unit: different sets of CPUs (or values), and threads with the same one. */
#define WB_MANIFEST_MASKS 4096
#define WB_MANIFEST_THREADS 65536

/* Threads that may run on some CPUs only. */
struct wb_manifest_affinity {
	char *cpus; /* the CPUs as a mask, in hex without leading zeros */
	WB_LIST(int64_t) threads;
};

/* Threads with a value that is not the usual one. */
struct wb_manifest_threads {
	int64_t value;
	WB_LIST(int64_t) threads;
};

/* The same for something that a thread only tells itself, by its name in keep/inward.c. */
struct wb_manifest_inward {
	char *what;
	int64_t value;
	WB_LIST(int64_t) threads;
};

/* A control group below that of a unit, or this one itself (files/groups.h). */
struct wb_manifest_setting {
	char *name, *value;
};
struct wb_manifest_owned {
	char *name; /* of a file in it */
	int64_t uid, gid;
};
struct wb_manifest_group {
	char *path; /* "/" the unit's own, "/a/b" */
	int64_t uid, gid, mode;
	WB_LIST(struct wb_manifest_owned) owned; /* files that are not root's */
	WB_LIST(struct wb_manifest_setting) settings;
	WB_LIST(int64_t) pids;
};
#define WB_MANIFEST_GROUPS 256

/* A file that its processes have open or mapped, with the means to recognise it; sorted by path. */
struct wb_manifest_open {
	char *path;     /* as its processes see it; with " (deleted)" if that name is gone */
	int64_t access; /* 4 for reading, 2 for writing; 0: a current or root directory, or a program */
	struct wb_identity identity;
};

/* A directory with a bound Unix socket, or in which a file has lost its name. */
struct wb_manifest_place {
	char *path; /* as it was named, perhaps with links */
	char *real; /* without links; NULL: it did not exist */
	struct wb_identity identity;
	bool binds; /* for nothing but bound sockets that have their names */
};

/* The longest key: three numbers, and a Unix address in hex. */
#define WB_MANIFEST_KEY 288

/* A descriptor of a socket that systemd has bound and handed to the unit. */
struct wb_manifest_handed {
	int64_t pid, fd;
	char *key; /* by wb_handed_key() */
};

struct wb_manifest_unit {
	char *unit;             /* "memcached.service" */
	char *name;             /* by which it was chosen, "vm:web1"; NULL: as its unit */
	enum wb_keep_how asked; /* --how as it was configured: AUTO, PROCESS, RESTART; or NONE */
	enum wb_keep_how how;   /* PROCESS, RESTART or ENDED */
	char *why;              /* a sentence: why it is not kept better; or NULL */

	/* Only a unit that is checkpointed has the following. */
	int64_t main_pid;
	WB_LIST(int64_t) pids;
	WB_LIST(int64_t) uids; /* by wb_owners_note(): files of other users are not overwritten */
	char *cgroup;     /* below the control group file system, "/system.slice/nginx.service" */
	int64_t priority; /* who has a higher one is frozen later and restored earlier */
	char *late; /* the unit after which its definition orders it; NULL: none that matters */
	bool plain; /* its processes are in the machine's own namespaces, so it needs no sandbox */
	/*
	 * The Unix socket of somebody else to which a datagram socket of it is connected, mostly that of
	 * syslog(3). It must be there before CRIU connects again. NULL: none.
	 */
	char *speaks_to;
	char *images;        /* prefix of the names of CRIU's images in the store */
	json_t *image;       /* data of its way of keeping for the restore, in a shape of its own */
	int64_t share_bytes; /* of the store, set aside for it at the freeze */
	/* Pre-copy: most of a large memory goes into the store while the unit runs. */
	int64_t ahead_pid;   /* the main process at the pre-copy; 0: there was none */
	int64_t ahead_bytes; /* the size of the pre-copy, planned or done */
	int64_t ahead_peer;  /* inode of the socket from which the rest is read; 0: there is none */
	char *ahead_why;     /* a sentence: why there was none although the memory is large */
	int64_t dump_bytes;  /* written by the freeze, */
	int64_t dump_us;     /* which took so long; 0: unknown */
	WB_LIST(struct wb_manifest_stream) streams;
	struct wb_strv sockets; /* the socket units that activate it */
	WB_LIST(struct wb_manifest_handed) handed;
	wb_stored_list stored; /* descriptors of its processes that systemd stores, too */
	struct wb_unit_texts definition;
	WB_LIST(struct wb_manifest_file) files;
	WB_LIST(struct wb_manifest_open) opened;
	WB_LIST(struct wb_manifest_place) places;
	WB_LIST(struct wb_manifest_affinity) affinity;
	/* Values of ioprio_get(2), and nanoseconds. */
	WB_LIST(struct wb_manifest_threads) io_priorities, timer_slacks;
	WB_LIST(struct wb_manifest_inward) inward;
	WB_LIST(struct wb_manifest_group) groups;

	struct wb_net_sockets socket_options; /* what CRIU loses of them */

	struct wb_net_ends ends;
	char *probe;        /* "tcp:PORT", "http:URL", "exec:CMD", or NULL */
	int64_t frozen_tsc; /* the time stamp counter when the processes were stopped */
};

/* Memory of a virtual machine, which the next kernel leaves alone. */
struct wb_manifest_piece {
	int64_t start, size;
};
#define WB_MANIFEST_PIECES (1 << 20)

struct wb_manifest {
	int64_t version;
	char *nonce;         /* of the jump, 32 hex digits */
	char *from;          /* release of the kernel that was left */
	char *criu;          /* version that made the images */
	int64_t tsc_hz;      /* 0: unknown */
	int64_t highest_pid; /* of all kept processes and threads */
	/* Only in the draft: CLOCK_MONOTONIC when the first packet hold began; 0: none has. */
	int64_t silence_since_ns;
	struct wb_silence silent;
	WB_LIST(struct wb_manifest_piece) guests; /* for which the next kernel was loaded */
	WB_LIST(struct wb_manifest_unit) units;
	struct wb_net net;
};

/*
 * Parse the store's object. -EBADMSG with a sentence: no JSON, another version, or a value that is not allowed
 * in a path, unit name, ruleset or command. -EPERM: the manifest is of another jump than `nonce` (NULL: any).
 */
int wb_manifest_parse(
	struct wb_bytes text, const char *nonce, struct wb_manifest *ret, struct wb_error *err);
/* *ret to be freed with free(). -EINVAL: the text could not be parsed again. -ENOMEM. */
int wb_manifest_write(const struct wb_manifest *m, char **ret, struct wb_error *err);
/*
 * Could this unit's part be parsed again? One bad unit would make the whole manifest useless. -EINVAL with a
 * sentence that names the file or the limit. *ret_bytes: the approximate size of its part.
 */
int wb_manifest_check_unit(
	const struct wb_manifest_unit *u, size_t *ret_bytes, struct wb_error *err);
/* Replace the `image` of a unit by another one, which is taken. NULL, as a writer gives it out of memory: -ENOMEM. */
int wb_manifest_set_image(struct wb_manifest_unit *u, json_t *image);
/* Lower a unit to the fallback of its way, and remove the fields that only a checkpointed unit has. */
void wb_manifest_lower(struct wb_manifest_unit *u, const char *why);
/* Set a unit to ENDED: it ended by itself before the freeze, and is not started again. */
void wb_manifest_end(struct wb_manifest_unit *u);
void wb_manifest_deinit(struct wb_manifest *m);

#define WB_CLEAN_MANIFEST __attribute__((cleanup(wb_manifest_deinit))) struct wb_manifest

/* NULL when it has no such unit. */
const struct wb_manifest_unit *wb_manifest_find(const struct wb_manifest *m, const char *unit);
/* The name by which it was chosen, of a unit of the manifest or of a result. */
#define wb_chosen_name(u) ((u)->name ? (u)->name : (u)->unit)
/* Is it checkpointed, by its way of keeping? */
bool wb_unit_is_checkpointed(const struct wb_manifest_unit *u);

/* Is it a mask as in struct wb_manifest_affinity, with at least one bit? */
bool wb_valid_cpus(const char *s);
