/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What /proc tells of a unit's processes: enough to say, before anything is stopped, whether CRIU
 * can take them along. Reading only; nothing is decided here.
 */
#pragma once

#include "core/files.h"
#include "core/strv.h"
#include "keep/json.h"

struct wb_proc_fd {
	int64_t fd;
	char *link; /* "/dev/null", "socket:[1234]", "anon_inode:[eventpoll]", "/x (deleted)" */
	int64_t flags;
	int64_t position;
	int64_t mount; /* mnt_id */
	int64_t inode;
};

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

struct wb_proc_mount {
	int64_t id;
	char *root; /* of the file system, the directory that is mounted: "/" all of it */
	char *point;
	char *fstype;
	int64_t device; /* makedev(3) of what is mounted */
};

/* Is it gone with the boot? */
bool wb_volatile_fs(const char *fstype);

/* By inotify(7): as much as /proc/PID/fdinfo tells, and once found by whoever can: its name. */
struct wb_proc_watch {
	int64_t device; /* that it lies on, as in struct wb_proc_mount */
	int64_t inode;
	int64_t handle_type; /* open_by_handle_at(2) */
	uint8_t handle[128];
	size_t handle_size; /* 0: the file system has none */
	char *path;         /* NULL unknown */
	bool directory;
};

/* What is mapped, once for each name and file. */
struct wb_proc_map {
	char *name;     /* as maps(5) has it */
	int64_t device; /* that it lies on, as in struct wb_proc_mount */
	int64_t inode;
};

struct wb_proc {
	int64_t pid, parent, group, session;
	char *name; /* comm */
	char *exe;  /* as the link has it: " (deleted)" at its end when replaced; NULL unknown */
	char *root, *cwd;
	int64_t tracer; /* pid of a debugger; 0 none */
	int64_t threads;
	int64_t resident, swapped, locked; /* bytes; swapped is not in resident */
	bool filtered;                     /* seccomp */
	bool zombie;
	char *ns[WB_NS_COUNT]; /* "mnt:[4026531841]"; NULL not in this kernel */
	char *uid_map, *gid_map;
	WB_LIST(struct wb_proc_fd) fds;
	WB_LIST(struct wb_proc_mount) mounts;
	WB_LIST(struct wb_proc_map) maps;
	WB_LIST(struct wb_proc_watch) watches;
};

void wb_proc_deinit(struct wb_proc *proc);

/* All processes of a unit. */
struct wb_procs {
	struct wb_proc *items;
	size_t n;
	char *group; /* one of the control groups that it has made below its own; NULL: none */
};

void wb_procs_deinit(struct wb_procs *procs);
#define WB_CLEAN_PROCS __attribute__((cleanup(wb_procs_deinit))) struct wb_procs

/*
 * One process. -ESRCH it is gone; -EACCES, -EBADMSG with a sentence. What a kernel does not have is
 * left empty.
 */
int wb_proc_read(
	const struct wb_files *files, int64_t pid, struct wb_proc *ret, struct wb_error *err);
/*
 * All processes in a cgroup and those below, by its path as systemd's ControlGroup has it. One that
 * ends meanwhile is left out. -ENOENT no such cgroup.
 */
int wb_procs_read(const struct wb_files *files, const char *cgroup, struct wb_procs *ret,
	struct wb_error *err);
/* NULL none. */
const struct wb_proc *wb_procs_find(const struct wb_procs *procs, int64_t pid);

/*
 * Find what they watch on file systems that are gone with the boot, by the handles of files: which only
 * root can. What is not found stays without a name. -ENOMEM.
 */
int wb_watches_find(struct wb_procs *procs);

/* ---- sockets ---- */

enum wb_socket_kind {
	WB_SOCKET_TCP = 1, /* and TCP over IPv6 */
	WB_SOCKET_UDP,
	WB_SOCKET_RAW,
	WB_SOCKET_UNIX_STREAM, /* and seqpacket */
	WB_SOCKET_UNIX_DGRAM,
	WB_SOCKET_NETLINK,
	WB_SOCKET_PACKET,
	WB_SOCKET_OTHER, /* `path` says what */
};

struct wb_socket {
	enum wb_socket_kind kind;
	int64_t inode;
	bool listening, connected;
	bool tls; /* TCP: the kernel encrypts (kTLS) */
	/* TCP and UDP: numeric, IPv4-mapped IPv6 as IPv4; NULL: every address, or none. */
	char *local, *remote;
	int64_t local_port, remote_port;
	char *path; /* Unix; "@x" abstract, NULL none */
	/* Unix, connected: the other end; 0 unknown. */
	int64_t peer;
};

struct wb_sockets {
	struct wb_socket *items;
	size_t n;
};

void wb_sockets_deinit(struct wb_sockets *sockets);
#define WB_CLEAN_SOCKETS __attribute__((cleanup(wb_sockets_deinit))) struct wb_sockets

/* All sockets of the network namespace that `pid` is in. -ESRCH, -ENOMEM. */
int wb_sockets_read(
	const struct wb_files *files, int64_t pid, struct wb_sockets *ret, struct wb_error *err);
/*
 * Fill in the peers of Unix sockets, from sock_diag(7) of the caller's network namespace. Negative
 * errno where the kernel does not tell, without unix_diag; peers are unknown then.
 */
int wb_sockets_add_peers(struct wb_sockets *sockets);
/*
 * Ask the sockets of these processes what they are: adds those that are in no table of /proc, and
 * tells which TCP connections are encrypted by the kernel. -ENOMEM.
 */
int wb_sockets_add_kinds(const struct wb_procs *procs, struct wb_sockets *sockets);
/* "MPTCP", "vsock", … for what CRIU does not know; NULL: it may. */
const char *wb_socket_other_name(int domain, int protocol);
/* The kernel's answer about peers. 1: it was the last part; 0: more comes; -EBADMSG. */
int wb_sockets_parse_peers(struct wb_bytes in, struct wb_sockets *sockets);
const struct wb_socket *wb_sockets_find(const struct wb_sockets *sockets, int64_t inode);

/* "socket:[1234]" -> 1234; false: the link is none. */
bool wb_socket_inode(const char *link, int64_t *ret);
