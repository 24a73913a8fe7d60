/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System V IPC of a unit. CRIU saves it only with the whole IPC namespace that the unit lives in, and restores it into a
 * new one. A unit usually lives in the machine's, with objects of others. So only the unit's own segments of shared
 * memory may get into the new namespace, and a unit with anything that CRIU would not bring back is refused.
 */
#pragma once

#include "core/files.h"
#include "core/json-table.h"
#include "core/strv.h"
#include "images/stream.h"

/* A segment of shared memory, a set of semaphores, or a message queue. */
struct wb_ipc_object {
	int64_t id;
	unsigned mode;    /* with SHM_DEST and SHM_LOCKED */
	int64_t uid, gid; /* owner */
	int64_t maker, maker_group;
	int64_t pids[2];   /* segment: who made it; queue: who last sent and received; 0: nobody */
	uint64_t attached; /* segment: by so many mappings */
	uint64_t bytes; /* segment: in memory; queue: of its messages; semaphores: their number */
	uint64_t size;  /* segment: as shmget(2) got it; CRIU looks at each of its pages */
};

typedef WB_LIST(struct wb_ipc_object) wb_ipc_objects;

/* All objects of one IPC namespace. */
struct wb_ipc {
	wb_ipc_objects segments, semaphores, queues;
	int64_t device; /* of the file system that has segments of ordinary pages; 0: not known */
};

void wb_ipc_deinit(struct wb_ipc *ipc);
#define WB_CLEAN_IPC __attribute__((cleanup(wb_ipc_deinit))) struct wb_ipc

/*
 * Read the tables in /proc/sysvipc, in the IPC namespace `ns`, an open descriptor; -1: the caller's. A kernel
 * without System V IPC has none. -EBADMSG, -EFBIG, -EIO, -ENOMEM. No sentence.
 */
int wb_ipc_read(const struct wb_files *files, int ns, struct wb_ipc *ret);

enum wb_ipc_kind {
	WB_IPC_SHM,
	WB_IPC_SEM,
	WB_IPC_MSG,
};
/* The objects in one of these tables. -EBADMSG, -ENOMEM. */
int wb_ipc_parse(enum wb_ipc_kind kind, const char *text, wb_ipc_objects *ret);

/* A segment that the unit has attached. */
struct wb_ipc_attached {
	int64_t id, device;
	uint64_t maps; /* in so many mappings */
};

/* A unit, for wb_ipc_judge(). Borrowed. */
struct wb_ipc_unit {
	bool own_namespace; /* its IPC namespace is not the machine's */
	const struct wb_ipc_attached *attached;
	size_t n_attached;
	const int64_t *pids, *users; /* of its processes */
	size_t n_pids, n_users;
};

typedef WB_LIST(int64_t) wb_ipc_ids;

struct wb_ipc_verdict {
	bool needed;            /* CRIU has to save the IPC namespace */
	wb_ipc_ids segments;    /* those that travel */
	uint64_t others;        /* bytes of all others, which CRIU copies, too */
	struct wb_strv reasons; /* why the unit cannot be kept: sentences without a full stop */
};

void wb_ipc_verdict_deinit(struct wb_ipc_verdict *v);

/*
 * What of this is the unit's own? Pure. -ENOMEM. A segment that processes of the unit have attached or left between two
 * looks seems to be shared, so the caller looks again.
 */
int wb_ipc_judge(
	const struct wb_ipc *ipc, const struct wb_ipc_unit *unit, struct wb_ipc_verdict *ret);

/*
 * Is this an image with objects of an IPC namespace? Then *ret becomes the image without any object that is not one of
 * these segments. 1, 0; -EBADMSG, -ENOMEM.
 */
int wb_ipc_filter(const char *name, struct wb_bytes image, const int64_t *segments, size_t n,
	struct wb_blob *ret);
