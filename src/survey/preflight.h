/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The preflight: the facts about a unit before anything is stopped, and whether it can be kept as a process.
 * A unit that passes may still fail at the dump; a rehearsal shows that. keep/judge.h decides among all ways
 * of keeping.
 */
#pragma once

#include "criu/criu.h"
#include "criu/ipc.h"
#include "manifest/manifest.h"
#include "choice/config.h"
#include "proc/proc.h"
#include "qemu/look.h"
#include "sys/namespaces.h"
#include "systemd/activation.h"

struct wb_container;

/* All facts about a unit on which the verdict rests. Borrowed. */
struct wb_keep_facts {
	const char *unit;
	const struct wb_service *systemd;
	const struct wb_procs *procs;
	const struct wb_sockets *sockets;
	int peers_error; /* of wb_sockets_add_peers(); negative: names and peers of Unix sockets may be forged */
	const struct wb_proc *init; /* process 1, for its namespaces */
	/* Reasons why root may not enter the namespaces of its processes: wb_ns_open(), wb_covers_find(). */
	const struct wb_strv *untrusted;
	const struct wb_unit_texts
		*definition; /* its unit files, for wb_definition_names_stream() */
	/* Files in /dev/shm that processes of other units have mapped, too: "PATH with process PID". */
	const struct wb_strv *shared;
	/* Directories with sockets of its own that others use as well; NULL: not known. */
	const struct wb_strv *common;
	const struct wb_activation *activation; /* NULL: not looked at */
	const wb_stored_list
		*stored;        /* NULL: what systemd stores for it cannot be given to it again; */
	const char *not_stored; /* why; NULL: not looked at */
	const struct wb_ipc_verdict *ipc; /* NULL: not looked at */
	const char *
		group_fault; /* why its control groups cannot be made again, by wb_groups_note(); NULL: they can */
	/*
	 * Reasons why its network namespace would not be the same in the next boot. NULL: it has none of its own, or it
	 * was not looked at.
	 */
	const struct wb_strv *network;
	const struct wb_qemu_facts *qemu; /* NULL: its main process is no QEMU, or not looked at */
	const struct wb_container *container; /* the container of podman that it runs; NULL: none */
	const char *
		no_container; /* why a container that it runs cannot be kept; NULL: it can, or there is none */
	bool foreign_leader; /* the leader of the main process's session lives outside of the unit */
	const char *criu;    /* version of CRIU; NULL: it is not installed */
	const char *release; /* release of the next kernel; NULL: not known */
	/* Modules that CRIU needs and that kernel lacks; NULL: not known. */
	const struct wb_strv *missing_modules;
	/*
	 * The configured files, in their order, by paths without symbolic links; NULL: as configured. Then
	 * those of these paths that its processes do not find; NULL: not known.
	 */
	const struct wb_strv *real_files, *absent_files;
};

/* A file on a tmpfs whose name was removed. It may have other names, usually in the same directory. */
struct wb_keep_nameless {
	char *path; /* the name that was removed */
	int64_t device, inode;
};

struct wb_keep_verdict {
	enum wb_keep_how how; /* set by keep/judge.h; NONE: not decided */
	/* Each a sentence without its full stop. */
	struct wb_strv reasons;  /* why it is not kept better; the first one counts most */
	struct wb_strv warnings; /* differences after the jump */
	/* Those of the reasons that would give the service rights that it does not have. */
	struct wb_strv breaches;
	/* From here to `places`: only for a unit that is kept as a process. */
	struct wb_criu_image image;
	char *cgroup; /* as in struct wb_manifest_unit; so is `sockets` */
	struct wb_strv sockets;
	wb_stored_list stored; /* as in struct wb_manifest_unit */
	json_t *guest; /* of a virtual machine: `image` of the manifest (qemu/image.h); or NULL */
	int64_t guest_pid; /* of its QEMU */
	bool plain; /* its processes are in the machine's own namespaces, but for the time namespace */
	char *speaks_to; /* as in struct wb_manifest_unit */
	/*
	 * Files on a tmpfs that are in use or configured, and exist: they travel to the next boot. A "/" at
	 * the end means the directory alone, without its content.
	 */
	struct wb_strv files;
	/*
	 * Those of the files that its settings name or that it watches: wb_keep_look_still() does not find them
	 * again.
	 */
	struct wb_strv named;
	struct wb_strv
		later; /* configured files that do not exist; they travel if they exist at the freeze */
	/* By keep/bonds.h: units whose stop in a shutdown stops this one, too, and those that are exempt with it. */
	struct wb_strv bound, beside;
	WB_LIST(struct wb_keep_nameless) nameless;
	struct wb_strv places, /* directories of files and of Unix sockets whose name is gone */
		bindings;      /* directories of its bound Unix sockets */
	json_t *container; /* only for a unit that is kept as a container: struct wb_container_image */
	/* From here on: also for a unit that is restarted. */
	struct wb_net_ends ends;
	uint64_t bytes;      /* memory of its processes, about the size of the dump */
	int64_t highest_pid; /* the highest number of its processes and threads, estimated */
	size_t processes, threads;
};

void wb_keep_verdict_deinit(struct wb_keep_verdict *verdict);
#define WB_CLEAN_KEEP_VERDICT \
	__attribute__((cleanup(wb_keep_verdict_deinit))) struct wb_keep_verdict

/*
 * Can the unit be kept as a process? 1: yes. 0: no, and ret->reasons tell why. *ret has all that was found,
 * but for `how`. `config` NULL stands for How=auto and no files. Pure. -ENOMEM; -ESRCH with a sentence: the
 * unit is not active, so there is nothing to keep.
 */
int wb_judge_process(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err);

/* ---- the facts about a unit of this machine, and what follows from a verdict ---- */

/* The sources of the facts. */
struct wb_keep_look {
	const struct wb_files *files;
	/*
	 * The same files for what does not belong to the unit: other processes, the sockets of process 1's network
	 * namespace, kernel modules. With those of a struct wb_recall, several units share these facts. NULL: `files`.
	 */
	const struct wb_files *machine;
	const struct wb_services *units;
	const struct wb_ns_ops *namespaces; /* NULL: those of this machine, wb_ns_ops_host */
	/* wb_sockets_add_peers(), which states the contract. NULL: peers of Unix sockets are not known. */
	int (*add_peers)(struct wb_sockets *sockets);
	/* wb_sockets_add_kinds(). NULL: only sockets in the tables of /proc are known. */
	int (*add_kinds)(const struct wb_procs *procs, struct wb_sockets *sockets);
	/* wb_inside(). NULL: nobody goes into another network namespace. */
	int (*inside)(int net_ns, int (*work)(void *arg), void *arg);
	/* wb_net_private_differs(). NULL: a network namespace is as new. */
	int (*compare_network)(int net_ns, struct wb_strv *ret);
	/* wb_stored_find(). NULL: what systemd stores does not travel. */
	int (*find_stored)(const struct wb_service *service, const int64_t *pids, size_t n,
		int64_t systemd, wb_stored_list *ret, struct wb_error *err);
	/* wb_watches_find(). NULL: names of watched files are not known. */
	int (*find_watched)(struct wb_procs *procs, const struct wb_ns_ops *namespaces,
		const struct wb_ns_whose *unit);
	/* wb_externals_find(). NULL: no file outside of the sandbox counts as the machine's. */
	void (*find_externals)(struct wb_procs *procs, const struct wb_unit_texts *definition,
		const struct wb_ns_ops *machine);
	/* wb_qemu_look(). NULL: nobody is asked whether it is a virtual machine. */
	int (*look_at_qemu)(pid_t pid, struct wb_qemu_facts *ret, struct wb_error *err);
	/* wb_container_of_unit(), which asks podman by `runner`. NULL: no unit is known to run a container. */
	int (*find_container)(const struct wb_files *files, const struct wb_runner *runner,
		const struct wb_service *service, const struct wb_procs *procs,
		struct wb_container *ret, struct wb_error *err);
	const struct wb_runner *runner;
	const char *criu;    /* version of CRIU; NULL: it is not installed */
	const char *release; /* release of the next kernel; NULL: that of the running one */
	bool stopped; /* the shutdown has come this far: it stops no unit with this one any more */
};

/* All sources of this machine. */
struct wb_keep_look wb_keep_look_host(
	const struct wb_files *files, const char *criu, const char *release);

/*
 * Gather the facts and return what use() makes of them; they are freed afterwards. -ENOENT: there is no such
 * unit. -ENOMEM.
 */
int wb_survey(const struct wb_keep_look *look, const char *unit,
	const struct wb_keep_config *config,
	int (*use)(void *arg, const struct wb_keep_facts *facts, struct wb_error *err), void *arg,
	struct wb_error *err);
/* The root directory of its main process, by wb_ns_open_root(): a descriptor to be closed, or a negative errno. */
int wb_keep_open_root(
	const char *unit, const struct wb_keep_verdict *verdict, struct wb_error *err);
/*
 * The size of the files that travel with it, below that root. -EFBIG: more than the machine's memory; and
 * errors of wb_take_measure().
 */
int wb_keep_measure(
	int root, const struct wb_keep_verdict *verdict, uint64_t *ret_bytes, struct wb_error *err);
/*
 * Set the fields of a manifest's unit that come from a verdict. The first function removes all that an earlier
 * verdict has set, and sets how, why, ports and connections. The second one, for a unit that is kept as a
 * process, sets main_pid, plain, pids, cgroup, streams, and `image` to the JSON of struct wb_criu_image. -ENOMEM.
 */
int wb_survey_to_manifest(const struct wb_keep_verdict *verdict, struct wb_manifest_unit *u);
int wb_process_to_manifest(const struct wb_keep_verdict *verdict, struct wb_manifest_unit *u);
/*
 * Look again at a unit whose processes stand still under CRIU: by /proc, sock_diag(7), and the files that process 1
 * finds. Its pids, ports, connections and places are replaced. Files on a tmpfs that *paths lacks are added, with every name that such a file
 * has below the open directory `root`. The only check is for rights that the service would gain: -EPERM, with
 * a sentence. -ESRCH: its main process is gone. Errors of add_peers(). -ENOMEM.
 */
int wb_keep_look_still(const struct wb_keep_look *look, int root, struct wb_manifest_unit *u,
	struct wb_strv *paths, struct wb_error *err);
