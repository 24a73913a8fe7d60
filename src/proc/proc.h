/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A unit's processes and sockets, as /proc and the kernel describe them: the facts that decide whether CRIU
 * can checkpoint them. Nothing is decided here.
 */
#pragma once

#include "core/files.h"
#include "core/json-table.h"
#include "core/mountinfo.h"
#include "core/strv.h"
#include "proc/rights.h"
#include "sys/identity.h"
#include "sys/namespaces.h"

/* Stands for the link of a descriptor that cannot be read: d_path() fails for names longer than a page. */
#define WB_PROC_UNREAD "?"

struct wb_proc_fd {
	int64_t fd;
	char *link; /* "/dev/null", "socket:[1234]", "anon_inode:[eventpoll]", "/x (deleted)" */
	int64_t flags;
	int64_t position;
	int64_t mount;  /* mnt_id */
	bool directory; /* the file is a directory of a tmpfs; other file systems are not asked */
	int64_t passed; /* of a Unix socket: descriptors that wait in it to be received (SCM_RIGHTS) */
	int64_t inode;
	/*
	 * By wb_externals_find(): the file is on a mount that the process does not see, and process 1 finds it by
	 * its name.
	 */
	bool machines;
	struct wb_identity identity;
};

/* A file that the process watches by inotify(7): from /proc/PID/fdinfo, and its name by wb_watches_find(). */
struct wb_proc_watch {
	int64_t device; /* number of its file system's device, as in struct wb_mount */
	int64_t inode;
	int64_t handle_type; /* open_by_handle_at(2) */
	uint8_t handle[128];
	size_t handle_size; /* 0: there is no handle; not every file system has them */
	char *path;         /* NULL: the name is not known */
	bool directory;
};

/* A mapped file or something of the kernel; parts of one file are usually one entry. */
struct wb_proc_map {
	char *name;     /* as in proc_pid_maps(5) */
	int64_t device; /* number of its file system's device, as in struct wb_mount */
	int64_t inode;
	uint64_t parts;
};

struct wb_proc {
	int64_t pid, parent, group, session;
	char *name; /* comm */
	char *exe; /* the link: with " (deleted)" at the end if the program was replaced; NULL: unknown */
	char *root, *cwd;
	int64_t tracer; /* pid of a debugger; 0 none */
	int64_t threads;
	int64_t resident, swapped, locked, huge; /* bytes; only locked ones count twice */
	bool filtered;                           /* seccomp(2) restricts its system calls */
	int64_t most_files; /* RLIMIT_NOFILE: its descriptors are smaller than this; -1: not known */
	bool zombie;
	char *ns[WB_NS_COUNT]; /* "mnt:[4026531841]"; NULL: the kernel has no such namespace */
	char *uid_map, *gid_map;
	bool alarm; /* it has a timer that wakes the machine (CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM) */
	bool day_timer; /* it has a timer of timer_create(2) on a clock of the time of day: proc_pid_timers(5) */
	bool labelled; /* a security module restricts its main thread: proc_pid_attr_current(5) */
	struct wb_rights rights; /* joined, of all its threads; those of a zombie are not read */
	WB_LIST(struct wb_proc_fd) fds;
	struct wb_mounts mounts;
	WB_LIST(struct wb_proc_map) maps;
	WB_LIST(struct wb_proc_watch) watches;
};

void wb_proc_deinit(struct wb_proc *proc);

/* All processes of a unit. */
struct wb_procs {
	struct wb_proc *items;
	size_t n;
	char *group; /* a control group that the unit created below its own; NULL: there is none */
	bool sorted; /* the items are sorted by pid */
	bool excess; /* more than WB_PROC_MOST: not all was read */
};

/* The most descriptors and mappings of a unit, all its processes together. */
#define WB_PROC_MOST (1u << 18)

/*
 * A process that sees all of p's mount namespace: in a changed root directory, names lead elsewhere and mounts are
 * missing. NULL: the unit has none.
 */
const struct wb_proc *wb_procs_whole(const struct wb_procs *procs, const struct wb_proc *p);

void wb_procs_deinit(struct wb_procs *procs);
#define WB_CLEAN_PROCS __attribute__((cleanup(wb_procs_deinit))) struct wb_procs

/*
 * One process. -ESRCH: it is gone. -EACCES, -EBADMSG with a sentence. Facts that this kernel does not
 * offer stay empty.
 */
int wb_proc_read(
	const struct wb_files *files, int64_t pid, struct wb_proc *ret, struct wb_error *err);
/*
 * Take the mounts of a process from another one in the same mount namespace, whose root directory is that of the
 * namespace. -ENOMEM, or the errors of a process that has ended; p is unchanged then.
 */
int wb_proc_look_from(const struct wb_files *files, const struct wb_proc *whole, struct wb_proc *p);
/*
 * All processes in a cgroup and in those below it, by its path as in systemd's ControlGroup. A process that
 * ends meanwhile is left out. -ENOENT: there is no such cgroup.
 */
int wb_procs_read(const struct wb_files *files, const char *cgroup, struct wb_procs *ret,
	struct wb_error *err);
typedef WB_LIST(int64_t) wb_pids;
void wb_pids_deinit(wb_pids *pids);
#define WB_CLEAN_PIDS __attribute__((cleanup(wb_pids_deinit))) wb_pids
/*
 * The pids of one cgroup, without limit, by its path as in /proc/PID/cgroup. Processes outside of the
 * caller's pid namespace are left out. -ENOENT: there is no such cgroup.
 */
int wb_pids_read(
	const struct wb_files *files, const char *cgroup, wb_pids *ret, struct wb_error *err);
/* The link of a process's network namespace, to be freed: "net:[4026531840]"; NULL: it cannot be read. -ENOMEM. */
int wb_proc_network(const struct wb_files *files, int64_t pid, char **ret);
/* The process with this pid; NULL: there is none. */
const struct wb_proc *wb_procs_find(const struct wb_procs *procs, int64_t pid);

/* ---- sockets ---- */

enum wb_socket_kind {
	WB_SOCKET_TCP = 1, /* over IPv4 or IPv6; so are UDP and RAW */
	WB_SOCKET_UDP,
	WB_SOCKET_RAW,
	WB_SOCKET_UNIX_STREAM, /* stream or seqpacket */
	WB_SOCKET_UNIX_DGRAM,
	WB_SOCKET_NETLINK,
	WB_SOCKET_PACKET,
	WB_SOCKET_OTHER, /* wb_socket_other_name() gives the kind's name, which is in `path` */
};

struct wb_socket {
	enum wb_socket_kind kind;
	int64_t inode;
	bool listening, connected;
	bool packets; /* Unix: SOCK_SEQPACKET */
	bool tls;     /* TCP: the kernel encrypts (kTLS) */
	/* TCP and UDP: numeric, IPv4-mapped IPv6 as IPv4; NULL: every address, or none. */
	char *local, *remote;
	int64_t local_port, remote_port;
	char *path;  /* Unix; "@x" abstract, NULL none */
	bool own;    /* by wb_sockets_mark(): a process of the unit has it open */
	bool handed; /* systemd has it open, too */
	bool outer; /* it is of the machine's network namespace, and the unit's processes live in another one */
	bool foreign; /* by wb_sockets_add_kinds(): it is of another network namespace than its process */
	bool bound; /* Unix: `path` is a name in the file system, as it was passed to bind(2) */
	bool elsewhere; /* Unix, bound: the name that CRIU would use does not lead to the socket's file */
	char *file; /* Unix, bound: the file, by its name without links, perhaps with " (deleted)"; NULL: not known */
	char *now; /* Unix, bound: the file's name, if it was renamed or linked after bind(2); else NULL */
	int64_t owner; /* with `now`: the file's user */
	/* Unix, connected: the other end; 0 unknown. */
	int64_t peer;
	/* By wb_net_socket_read(), for other kinds than Unix: */
	bool seen;
	char *unfit;          /* a sentence: why it would not come back as it was; NULL: it would */
	bool follows, unread; /* as in struct wb_net_socket */
};

struct wb_sockets {
	struct wb_socket *items;
	size_t n;
	size_t sorted; /* so many items, from the first one on, are sorted by inode */
	/* The namespaces of the unit's processes are checked, so paths may be walked there. For wb_sockets_add_kinds(). */
	bool may_walk;
	bool still; /* the processes stand still, and wb_net_sockets_note() follows: `seen` is not wanted */
	bool outer; /* wb_sockets_add_peers() asks the machine's network namespace for a unit of another one */
};

void wb_sockets_deinit(struct wb_sockets *sockets);
#define WB_CLEAN_SOCKETS __attribute__((cleanup(wb_sockets_deinit))) struct wb_sockets

/* All sockets of the network namespace of `pid`. -EBADMSG, -ENOMEM. */
int wb_sockets_read(
	const struct wb_files *files, int64_t pid, struct wb_sockets *ret, struct wb_error *err);
/* Add the Unix sockets of the network namespace of `pid`, as `outer` ones. Errors as above, without a sentence. */
int wb_sockets_add_outer(const struct wb_files *files, int64_t pid, struct wb_sockets *sockets);
/*
 * Set the peers, kinds and names of Unix sockets by sock_diag(7), in the caller's network namespace. The names
 * in /proc are not reliable: one with a line break in it can forge a whole line of the table. On failure some
 * are as /proc has them: -ENOENT: the kernel has no unix_diag; other errors of netlink(7); -EAGAIN: no answer for
 * 10 s; -EBADMSG, -ENOMEM.
 */
int wb_sockets_add_peers(struct wb_sockets *sockets);
/*
 * Look at the sockets of these processes themselves: add those that are in no table of /proc, and set `tls`
 * of TCP connections, `file` and `elsewhere` of bound Unix sockets, and `seen` and what follows it. Without `may_walk`, every bound
 * socket is `elsewhere`. A process that cannot be examined is skipped. -ENOMEM.
 */
int wb_sockets_add_kinds(const struct wb_procs *procs, struct wb_sockets *sockets);
/* The name of a kind of socket that CRIU does not support: "MPTCP", "vsock", …; NULL: CRIU may support it. */
const char *wb_socket_other_name(int domain, int protocol);
/*
 * One part of the kernel's answer to wb_sockets_add_peers(). 1: it was the last part, 0: more follow. The error with
 * which the kernel refuses the request or ends the answer early; -EBADMSG, -ENOMEM.
 */
int wb_sockets_parse_peers(struct wb_bytes in, struct wb_sockets *sockets);
/* Set `own` of the sockets that these processes have open, and `handed` of those that process 1 has open. */
void wb_sockets_mark(
	const struct wb_procs *procs, const struct wb_proc *init, struct wb_sockets *sockets);
/* A binary search, because a machine may have hundreds of thousands of sockets. NULL: there is none. */
struct wb_socket *wb_sockets_find(const struct wb_sockets *sockets, int64_t inode);

/* "socket:[1234]" -> 1234; false: the link is not of a socket. */
bool wb_socket_inode(const char *link, int64_t *ret);
