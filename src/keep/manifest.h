/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What crosses the jump besides images: one JSON object in the store, written by the freeze and read
 * by everything that thaws. Small; all that is large is an object of its own that this one names.
 *
 * The new boot uses it so. The generator writes, for each unit with how == PROCESS, a replacement
 * of the unit that has the same sandbox, cgroup and limits, and whose start is
 *
 *	ExecStartPre=!warmboot thaw --anchor UNIT     runs in the sandbox; hands systemd its mount
 *	                                              namespace to keep (FDSTORE=1)
 *	ExecStart=+warmboot thaw UNIT                 in the unit's cgroup and on its new journal
 *	                                              stream, with every privilege and no seccomp
 *	                                              filter; enters that namespace, runs CRIU there
 *
 * (CRIU cannot restore a filtered task when it is filtered itself, and PrivateDevices= and the like
 * bring filters: that is why the restore is not made in the sandbox as it stands.)
 */
#pragma once

#include "keep/json.h"
#include "keep/net.h"

/* The object's name in the store. */
#define WB_MANIFEST_OBJECT "manifest"
#define WB_MANIFEST_VERSION 1
/* Bytes; more is no manifest. */
#define WB_MANIFEST_MOST (64u << 20)
/* Where the generator leaves a copy (0600) for what runs later in the same boot. */
#define WB_MANIFEST_COPY "/run/warmboot/keep.json"

/* A unit file or drop-in as it lay on disk; systemd.unit(5). */
struct wb_manifest_text {
	char *path;
	char *text;
};

/* A file that does not outlive a reboot by itself (tmpfs), to be put back before the restore. */
struct wb_manifest_file {
	char *path;   /* absolute, as the unit's processes see it; any bytes, as in `target` */
	int64_t mode; /* permission bits */
	int64_t uid, gid;
	int64_t mtime_ns; /* since 1970; negative before */
	bool directory;   /* then there is no object */
	bool fifo;        /* mkfifo(3); no object, either */
	char *target;     /* of a symbolic link; else NULL */
	char *link; /* another file, before it in the list, that this is one more name of; or NULL */
	char *object; /* in the store, with the contents; NULL: directory, link, or empty */
};

/* A file descriptor whose other end is made anew: the journal's stream behind stdout and stderr. */
struct wb_manifest_stream {
	int64_t inode; /* of the socket, as CRIU's --external unix[INODE] names it */
	int64_t fd;    /* of the restorer that takes its place: 1 or 2 */
};

/* CPUs of the largest machine that the kernel can be built for. */
#define WB_MANIFEST_CPUS 8192
/* At most so many sets of CPUs (or values) of a unit, and threads with the same one, are carried over. */
#define WB_MANIFEST_MASKS 4096
#define WB_MANIFEST_THREADS 65536

/* Threads that may not run on every CPU. */
struct wb_manifest_affinity {
	char *cpus; /* on which they may: a mask, in hex without leading zeros */
	WB_LIST(int64_t) threads;
};

/* Threads with a value that is not the usual one. */
struct wb_manifest_threads {
	int64_t value;
	WB_LIST(int64_t) threads;
};

struct wb_manifest_port {
	char *protocol; /* "tcp", "udp" */
	char *address;  /* NULL: every address */
	int64_t port;
};

struct wb_manifest_connection {
	char *local, *remote; /* IPv4-mapped IPv6 is written as IPv4 */
	int64_t local_port, remote_port;
	int64_t expects; /* sequence number of the next byte from the peer; 0 unknown */
};

struct wb_manifest_unit {
	char *unit;  /* "memcached.service" */
	char *asked; /* --how as it was configured: "auto", "process", "restart" */
	char *how;   /* "process", "restart", or "ended": it is left alone */
	char *why;   /* a sentence, when `how` is lower than asked, or is no process */

	/* Of how == "process": */
	int64_t main_pid;
	WB_LIST(int64_t) pids;
	char *cgroup;  /* below the control group file system, "/system.slice/nginx.service" */
	char *late;    /* the unit that it comes back after, as systemd was told; NULL: none */
	bool plain;    /* they live in the machine's own namespaces: no sandbox has to be made */
	char *images;  /* prefix of the names of CRIU's images in the store */
	json_t *image; /* what the part that ran CRIU wants to know again; its own shape */
	/*
	 * Of large memory most goes into the store while the unit runs, and the freeze takes only what
	 * has changed since.
	 */
	int64_t ahead_pid;   /* main process when it did; 0: it did not */
	int64_t ahead_bytes; /* what went; before it has, what would have to */
	char *ahead_why;     /* a sentence: why it did not, though it is large */
	int64_t dump_bytes;  /* what the freeze wrote, */
	int64_t dump_us;     /* and how long it took; 0 unknown */
	WB_LIST(struct wb_manifest_stream) streams;
	/* Fragment first, then drop-ins in systemd's order. */
	WB_LIST(struct wb_manifest_text) definition;
	WB_LIST(struct wb_manifest_file) files;
	WB_LIST(struct wb_manifest_affinity) affinity;
	/* As ioprio_get(2) has them; in nanoseconds. */
	WB_LIST(struct wb_manifest_threads) io_priorities, timer_slacks;

	WB_LIST(struct wb_manifest_port) ports;
	WB_LIST(struct wb_manifest_connection) connections;
	char *probe;            /* "tcp:PORT", "http:URL", "exec:CMD", or NULL */
	int64_t frozen_wall_ns; /* CLOCK_REALTIME when the processes were stopped */
	int64_t frozen_tsc;     /* and the time stamp counter */
};

struct wb_manifest {
	int64_t version;
	char *nonce;         /* of the jump, 32 hex digits */
	char *from;          /* release of the kernel that was left */
	char *criu;          /* version that made the images */
	int64_t tsc_hz;      /* 0 unknown */
	int64_t highest_pid; /* of all kept processes and threads */
	WB_LIST(struct wb_manifest_unit) units;
	struct wb_net net;
};

/*
 * From the store's bytes. -EBADMSG with a sentence: no JSON, another version, a value that must not
 * stand in a path, unit name, ruleset or command; -EPERM: `nonce` (NULL: any) is of another jump.
 */
int wb_manifest_parse(
	struct wb_bytes text, const char *nonce, struct wb_manifest *ret, struct wb_error *err);
/* *ret to be freed with free(). -EINVAL: what could not be read back. -ENOMEM. */
int wb_manifest_write(const struct wb_manifest *m, char **ret, struct wb_error *err);
/*
 * Would this unit's part be read back? So that one unit costs no other its place: -EINVAL with a
 * sentence that names the file or the limit. *ret_bytes: about how much of the manifest it takes.
 */
int wb_manifest_check_unit(
	const struct wb_manifest_unit *u, size_t *ret_bytes, struct wb_error *err);
/* One rung lower, to "restart", without what only a process has. */
void wb_manifest_lower(struct wb_manifest_unit *u, const char *why);
/* It ended before it could be frozen, and nobody wants it started: "ended". */
void wb_manifest_end(struct wb_manifest_unit *u);
/*
 * A sentence as a line of the manifest, to be freed: it may quote another program's log or the name
 * of a file, where anything can be. NULL: out of memory.
 */
char *wb_manifest_line(const char *text);
void wb_manifest_deinit(struct wb_manifest *m);

#define WB_CLEAN_MANIFEST __attribute__((cleanup(wb_manifest_deinit))) struct wb_manifest

/* NULL when it has no such unit. */
const struct wb_manifest_unit *wb_manifest_find(const struct wb_manifest *m, const char *unit);
bool wb_manifest_is_process(const struct wb_manifest_unit *u);
bool wb_manifest_has_ended(const struct wb_manifest_unit *u);

/* "NAME.service" as systemd.unit(5) allows it, so that it can be a file's name. */
bool wb_valid_service_name(const char *s);
/* A mask as in struct wb_manifest_affinity, with a bit in it. */
bool wb_valid_cpus(const char *s);
/* Absolute, without "." and "..", not longer than the kernel takes. */
bool wb_valid_path(const char *s);
