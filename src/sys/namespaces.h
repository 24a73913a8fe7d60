/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only access to the namespaces and the root directory of a process. A service can make
 * namespaces without any privilege, and in its own mount namespace it decides where every path
 * leads. So root may enter only a namespace that root has made. All checks are made on open
 * descriptors:
 *
 * - A process is identified by its directory in /proc, which never becomes that of another
 *   process. It must be in the unit's control group after the namespaces have been opened.
 * - A mount, UTS, IPC, network, cgroup, PID or time namespace must be owned by the machine's
 *   user namespace (NS_GET_USERNS of ioctl_ns(2)): making such a one takes CAP_SYS_ADMIN on the
 *   machine.
 * - The user namespace must be the machine's. Or the unit has PrivateUsers=, root has made the
 *   namespace (NS_GET_OWNER_UID), and its parent is the machine's. systemd makes it before it
 *   starts the unit's command, so all that the service makes is below it.
 *
 * A service that runs as root with CAP_SYS_ADMIN on the machine can make namespaces that pass. But
 * it is root, and could do by itself anything that it prepares there. wb_judge_process() refuses the
 * one exception, CAP_SYS_ADMIN without root's other rights (docs/security.md).
 */
#pragma once

#include "core/bytes.h"
#include "core/error.h"

/* The kinds, in the order in which they are checked. */
enum wb_ns {
	WB_NS_MNT,
	WB_NS_UTS,
	WB_NS_IPC,
	WB_NS_NET,
	WB_NS_USER,
	WB_NS_PID,
	WB_NS_CGROUP,
	WB_NS_TIME,
	WB_NS_COUNT,
};

struct wb_ns_id {
	uint64_t device, inode;
};

/* The system calls, so that tests fake them. Each: negative errno, no sentence. */
struct wb_ns_ops {
	void *ctx;
	/* The directory of a process in /proc. -ENOENT, -ESRCH: there is none. */
	int (*process)(void *ctx, int64_t pid);
	/* Open the target of one of its links: "ns/mnt", "root". -ENOENT: this kernel has no such link. */
	int (*open)(void *ctx, int process, const char *name);
	/* Read one of its files. */
	int (*read)(void *ctx, int process, const char *name, struct wb_blob *ret);
	/* Device and inode of a namespace's descriptor. */
	int (*identity)(void *ctx, int fd, struct wb_ns_id *ret);
	/* ioctl_ns(2), NS_GET_NSTYPE: CLONE_NEWNS and so on. */
	int (*type)(void *ctx, int ns);
	/* NS_GET_USERNS: a descriptor of the user namespace that owns this one. */
	int (*owner)(void *ctx, int ns);
	/* NS_GET_PARENT: a descriptor of the parent of a user namespace. */
	int (*parent)(void *ctx, int user_ns);
	/* NS_GET_OWNER_UID: the user who made a user namespace. */
	int (*owner_uid)(void *ctx, int user_ns, uint32_t *ret);
	/* Close a descriptor of this table. */
	void (*close)(void *ctx, int fd);
	/* Open a path with O_PATH as process 1 finds it. */
	int (*open_machine)(void *ctx, const char *path);
};

extern const struct wb_ns_ops wb_ns_ops_host;

/* A process of a unit. */
struct wb_ns_whose {
	const char *unit;
	const char *cgroup; /* the unit's, as systemd names it */
	bool private_users; /* PrivateUsers= is set; without it, no other user namespace is accepted */
	int64_t pid;
};

/* The checked namespaces of a process. */
struct wb_ns_set {
	const struct wb_ns_ops *ops;
	int process;           /* its directory in /proc */
	int fds[WB_NS_COUNT];  /* -1: the kernel has no such namespaces */
	bool own[WB_NS_COUNT]; /* it differs from the machine's */
};

/*
 * Open and check all namespaces of one process. -ESRCH: it has ended, or is not the unit's; -EPERM:
 * one of them may not be entered, and the sentence, which has no subject ("its process 12 …"),
 * names it.
 */
int wb_ns_open(const struct wb_ns_ops *ops, const struct wb_ns_whose *whose, struct wb_ns_set *ret,
	struct wb_error *err);
void wb_ns_close(struct wb_ns_set *set);
#define WB_CLEAN_NS_SET __attribute__((cleanup(wb_ns_close))) struct wb_ns_set

/*
 * The descriptor for entering one of them; -1: the caller is already in it. Borrowed from the set.
 */
int wb_ns_to_enter(const struct wb_ns_set *set, enum wb_ns kind);

/*
 * The root directory of a process after its namespaces were checked, opened with O_PATH. Use
 * openat2(2) with RESOLVE_IN_ROOT below it. Errors as above.
 */
int wb_ns_open_root(const struct wb_ns_ops *ops, const struct wb_ns_whose *whose, int *ret_fd,
	struct wb_error *err);

/*
 * Check a namespace that is already open, as systemd passes it: is it of that kind, and owned by
 * the machine's user namespace? -EPERM.
 */
int wb_ns_check(const struct wb_ns_ops *ops, int fd, enum wb_ns kind, const char *unit,
	struct wb_error *err);

/* The first of these descriptors that is a namespace of that kind; -1: none. */
int wb_ns_find_kind(const struct wb_ns_ops *ops, enum wb_ns kind, const int *fds, size_t n);
/* Is it another namespace than the machine's? 1, 0, or a negative errno. */
int wb_ns_is_own(const struct wb_ns_ops *ops, enum wb_ns kind, int fd);

/* Open one of the calling thread's own namespaces; negative errno. */
int wb_ns_open_own(const char *name);

/* The name in /proc/PID/ns ("mnt") of a kind; and the kind of a name; false: there is none. */
const char *wb_ns_name(enum wb_ns kind);
bool wb_ns_find(const char *name, enum wb_ns *ret);
