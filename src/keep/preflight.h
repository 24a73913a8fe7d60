/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a unit can be kept, before anything is stopped: facts in, verdict out. What it lets pass may
 * still fail when it is dumped, which a rehearsal finds out; what it refuses has its reason told.
 */
#pragma once

#include "keep/config.h"
#include "keep/criu.h"
#include "keep/manifest.h"
#include "keep/proc.h"
#include "keep/unit.h"

/* All that is looked at. Borrowed. */
struct wb_keep_facts {
	const char *unit;
	const struct wb_service *systemd;
	const struct wb_procs *procs;
	const struct wb_sockets *sockets;
	const struct wb_proc *init; /* process 1, for its namespaces */
	/* Of their mapped files in /dev/shm, those that others have mapped, too: "PATH with process PID". */
	const struct wb_strv *shared;
	bool foreign_leader; /* of the main process's session: it lives, outside of the unit */
	const char *criu;    /* version; NULL: it is not installed */
	const char *release; /* of the kernel that is to come; NULL not known */
	/* What that kernel lacks, of what CRIU needs; NULL not known. */
	const struct wb_strv *missing_modules;
	/*
	 * The configured files, in their order, by names on whose way is no link; NULL: as configured. And
	 * of those names the ones that its processes do not find; NULL not known.
	 */
	const struct wb_strv *real_files, *absent_files;
};

/* A file on a tmpfs whose name is gone; it may have others, in the same directory as a rule. */
struct wb_keep_nameless {
	char *path; /* that it had */
	int64_t device, inode;
};

struct wb_keep_verdict {
	enum wb_keep_how how; /* PROCESS or RESTART */
	/* Each a sentence without its full stop. */
	struct wb_strv reasons;  /* why not PROCESS; the first one counts most */
	struct wb_strv warnings; /* what will not be quite as before */
	/* Of PROCESS: */
	struct wb_criu_image image;
	char *cgroup; /* as in struct wb_manifest_unit */
	bool plain;
	/*
	 * On a tmpfs, in use or configured and there: they have to travel. With a "/" at its end: the
	 * directory alone, and nothing in it.
	 */
	struct wb_strv files;
	struct wb_strv later; /* configured and not there: they travel if they are in the end */
	struct wb_strv bound; /* units that stop it when a shutdown stops them */
	WB_LIST(struct wb_keep_nameless) nameless;
	/* Of both: */
	WB_LIST(struct wb_manifest_port) ports;
	WB_LIST(struct wb_manifest_connection) connections;
	uint64_t bytes;      /* of memory that would be dumped, roughly */
	int64_t highest_pid; /* of the unit's processes */
	size_t processes, threads;
};

void wb_keep_verdict_deinit(struct wb_keep_verdict *verdict);
#define WB_CLEAN_KEEP_VERDICT \
	__attribute__((cleanup(wb_keep_verdict_deinit))) struct wb_keep_verdict

/*
 * Decide. `config` may be NULL: auto, no files. Pure; -ENOMEM, and -ESRCH with a sentence when the
 * unit is not active and so there is nothing to keep.
 */
int wb_keep_judge(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err);

/*
 * Modules that CRIU needs and a kernel's tree has neither as files nor built in, from the texts of
 * its modules.dep and modules.builtin. Pure. -ENOMEM.
 */
int wb_keep_missing_modules(struct wb_bytes dep, struct wb_bytes builtin, struct wb_strv *ret);

/* ---- with reading ---- */

struct wb_keep_look {
	const struct wb_files *files;
	const struct wb_services *units;
	/* wb_sockets_add_peers(), or NULL: nobody tells who is at the other end. */
	int (*add_peers)(struct wb_sockets *sockets);
	/* wb_sockets_add_kinds(), or NULL: only what is in a table of /proc is known. */
	int (*add_kinds)(const struct wb_procs *procs, struct wb_sockets *sockets);
	/* wb_watches_find(), or NULL: what is watched has no name. */
	int (*find_watched)(struct wb_procs *procs);
	const char *criu;    /* version; NULL: it is not installed */
	const char *release; /* of the kernel that is to come; NULL: the running one */
};

/* This machine. */
struct wb_keep_look wb_keep_look_host(
	const struct wb_files *files, const char *criu, const char *release);

/* Gather the facts and judge. -ENOENT no such unit, -ESRCH it is not active, and as above. */
int wb_keep_look(const struct wb_keep_look *look, const char *unit,
	const struct wb_keep_config *config, struct wb_keep_verdict *ret, struct wb_error *err);
/*
 * What the manifest wants to know of a unit: how, why, main_pid, pids, streams, ports, connections
 * and image; those that are there are replaced. -ENOMEM.
 */
int wb_keep_verdict_to_manifest(
	const struct wb_keep_verdict *verdict, struct wb_manifest_unit *u, struct wb_error *err);
/*
 * Of a kept unit whose processes stand still under CRIU, by /proc alone: its pids, ports and connections
 * are replaced by those that are there, and files on a tmpfs that are not in *paths are added, with every
 * name that such a one has there below `root`. Whether it can be kept is judged no more. -ESRCH its main
 * process is gone, -ENOMEM.
 */
int wb_keep_look_still(const struct wb_files *files, const char *root, struct wb_manifest_unit *u,
	struct wb_strv *paths, struct wb_error *err);
