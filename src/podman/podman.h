/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one client of podman's command, as root: what it tells of a container, its checkpoint and its restore.
 *
 * podman's runtime (crun) loads libcriu, and that runs the program `criu` of its PATH. podman gets a PATH in which
 * that is a script of warmboot's, which loads the library of src/shim into CRIU and gives it a configuration. PATH is
 * the only variable that podman passes on to its runtime.
 *
 * A container is recognised by its number (ID) and by the control groups of its processes. Its name and its labels are
 * chosen by whoever made it, so nothing is concluded from them.
 */
#pragma once

#include "core/files.h"
#include "core/strv.h"
#include "net/ends.h"
#include "sys/runner.h"

#define WB_PODMAN "/usr/bin/podman"
/* The digits of a container's number. */
#define WB_CONTAINER_ID 64

/* A file or directory of the machine that the container has, too. */
struct wb_container_mount {
	char *source;     /* absolute */
	bool file_system; /* a directory or file of the machine's; otherwise a volume of podman's */
};

/*
 * A port of a container that has another number outside: packets that it sends from `inner` come from `outer` of the
 * machine for its peers.
 */
struct wb_container_answer {
	char *address; /* of the container; IPv4 */
	int64_t inner, outer;
};

/* podman says this of one container. */
struct wb_container {
	char *id, *name;
	int64_t pid,
		monitor; /* its first process, and conmon, which watches it; 0: it does not run */
	char *bundle;    /* its directory of podman's: "…/overlay-containers/ID/userdata" */
	char *layer;     /* the directory with its changes to its image; NULL: not known */
	char *id_file;   /* the file to which podman has written the ID (--cidfile); NULL: none */
	/* The files with the numbers of both, in a tmpfs of root's; NULL: not told. */
	char *pid_file, *monitor_file;
	bool removed;                 /* podman removes it when it has ended (--rm) */
	bool own_network;             /* it has a network namespace of its own */
	struct wb_net_ends published; /* ports of the machine that lead to it */
	WB_LIST(struct wb_container_mount) mounts;
	WB_LIST(struct wb_container_answer) answers;
	/* Sentences without their full stop: why it cannot be kept, and what will differ afterwards. */
	struct wb_strv hindrances, notes;
};

void wb_container_deinit(struct wb_container *container);
#define WB_CLEAN_CONTAINER __attribute__((cleanup(wb_container_deinit))) struct wb_container

/* Is it the number of a container: 64 digits in lower case? */
bool wb_valid_container_id(const char *s);

/*
 * The answer of "podman container inspect" about one container. -EBADMSG with a sentence: it is no such answer. Pure.
 */
int wb_container_parse(struct wb_bytes json, struct wb_container *ret, struct wb_error *err);
/*
 * Ask podman about a container, by its name or number. -ENOENT with a sentence: podman is not installed, or has no
 * such container; errors of wb_run_data().
 */
int wb_container_inspect(const struct wb_runner *runner, const char *name, struct wb_container *ret,
	struct wb_error *err);

/* ---- the checkpoint ---- */

struct wb_podman_host {
	const struct wb_runner *runner; /* NULL: wb_runner_host */
	const struct wb_files *files;
};

/* Both sides of a jump need this of a container. Borrowed. */
struct wb_podman_target {
	const char *id, *bundle;
	const char *cgroup; /* of its processes, below the control group file system */
	const char *pid_file, *monitor_file; /* as above */
	int64_t pid, monitor;
	bool removed, own_network;
	const struct wb_container_answer *answers;
	size_t n_answers;
};

/* A container that stands still and whose checkpoint is written. */
struct wb_podman_frozen;

/* A receiver of podman's archive. */
struct wb_podman_sink {
	void *ctx;
	/* Take the next piece. A negative errno with a sentence ends the checkpoint. */
	int (*write)(void *ctx, struct wb_bytes piece, struct wb_error *err);
};

/*
 * Let podman write a checkpoint and leave the container running; before CRIU lets its processes go on, their control
 * group is frozen, and packets of a network of its own are dropped. So all that podman saves after CRIU belongs
 * together, and wb_podman_commit() or wb_podman_cancel() ends it. *ret_bytes: of the
 * archive. On failure it goes on. -ESRCH: its processes are not those that are named;
 * -EIO: podman failed, with its message; errors of the sink.
 */
int wb_podman_freeze(const struct wb_podman_host *host, const struct wb_podman_target *target,
	const struct wb_podman_sink *sink, struct wb_podman_frozen **ret, uint64_t *ret_bytes,
	struct wb_error *err);
/* How long it stands still, in microseconds; 0: unknown. */
int64_t wb_podman_stood(const struct wb_podman_frozen *frozen);
/* It will run in the next kernel: kill conmon, which would tell podman to clean up, and then its processes. Frees. */
int wb_podman_commit(struct wb_podman_frozen *frozen, struct wb_error *err);
/* Let it go on. Frees. NULL-safe. */
int wb_podman_cancel(struct wb_podman_frozen *frozen, struct wb_error *err);

/* ---- its AppArmor profile ---- */

/*
 * The profile that confines a process, as the kernel has it. *ret stays empty if there is none. -EOPNOTSUPP with a sentence:
 * the kernel does not tell it; other errors of reading.
 */
int wb_podman_policy_read(
	const struct wb_files *files, int64_t pid, struct wb_blob *ret, struct wb_error *err);
/* Load it, unless one of this name is there. */
int wb_podman_policy_load(struct wb_bytes policy, struct wb_error *err);

/* ---- the restore ---- */

/* A file in memory that never reaches a disk: a descriptor. */
int wb_podman_file(const struct wb_files *files, struct wb_error *err);

/*
 * The rules for nft(8) that let packets of kept connections leave as before. The next kernel does not know these
 * connections. If a peer speaks first, podman's rules translate it; if the container does, they would take its packet for
 * the first one of a connection of its own making, and choose another port, and the peer would answer with a reset. To
 * be freed; NULL: out of memory.
 */
char *wb_podman_answers(const struct wb_container_answer *answers, size_t n);
/*
 * Restore a container from podman's archive, which is open for reading as `archive` and can be read more than once. Of
 * a container that podman removes when it has ended (--rm) nothing is left in the next boot, and it is imported as a
 * whole. Of another one, only its memory is put back.
 * The caller is in the control group where it is to be. *ret has its new numbers, `pid` and `monitor`. On failure none of its
 * processes is left. -EIO with podman's message.
 */
int wb_podman_restore(const struct wb_podman_host *host, const struct wb_podman_target *target,
	int archive, struct wb_container *ret, struct wb_error *err);
