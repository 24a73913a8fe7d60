/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the facts about a unit are gathered, in parts; and what the manifest takes from a verdict. Only for this
 * room.
 */
#pragma once

#include "survey/preflight.h"

/* Mapped files in /dev/shm that other processes have mapped, too: "PATH with process PID". -ENOMEM. */
int wb_looking_shared(
	const struct wb_files *files, const struct wb_procs *procs, struct wb_strv *ret);
/* The configured files, in their order, by names without links; and which of them do not exist. -ENOMEM. */
int wb_looking_files(const struct wb_files *files, int64_t main_pid,
	const struct wb_keep_config *config, struct wb_strv *ret_real, struct wb_strv *ret_absent);
/*
 * Reasons why root may not enter the namespaces of these processes; none: it may. `whose` describes the unit; its pid
 * is not used. -ENOMEM.
 */
int wb_looking_untrusted(const struct wb_files *files, const struct wb_ns_ops *ops,
	const struct wb_ns_whose *whose, const struct wb_procs *procs, int64_t main_pid,
	struct wb_strv *ret);

/* The System V IPC of these processes; whose->pid is the main one. -ENOMEM; other failures are a reason. */
int wb_looking_ipc(const struct wb_files *files, const struct wb_ns_ops *ops,
	const struct wb_ns_whose *whose, const struct wb_procs *procs, struct wb_ipc_verdict *ret);

/*
 * Open the network namespace of the main process, if it is not the machine's and may be entered: set->own[WB_NS_NET].
 * Its descriptor, borrowed from *set, or -1: there is nothing to enter.
 */
int wb_looking_open_network(const struct wb_ns_ops *ops, const struct wb_ns_whose *whose,
	const struct wb_procs *procs, const struct wb_strv *untrusted, struct wb_ns_set *set);
/*
 * Complete the sockets by what the kernel tells of them, in that namespace and in the machine's. *ret_error: that of
 * add_peers(). -ENOMEM.
 */
int wb_looking_sockets(const struct wb_keep_look *look, int net_ns, const struct wb_procs *procs,
	const struct wb_proc *init, struct wb_sockets *sockets, int *ret_error);
/* Reasons why that namespace is not as a new one, or not of this unit alone. -ENOMEM; other failures are a reason. */
int wb_looking_network(const struct wb_keep_look *look, const struct wb_files *machine, int net_ns,
	const struct wb_procs *procs, int64_t main_pid, struct wb_strv *ret);

/*
 * Those of the unit's directories (wb_top_of()) in which processes outside of it have files open or mapped, or sockets.
 * -ENOMEM.
 */
int wb_looking_common(const struct wb_files *files, const struct wb_procs *procs, int64_t main_pid,
	const struct wb_sockets *sockets, struct wb_strv *ret);

/*
 * Replace the pids, ports and connections of a manifest's unit, and empty its `places`, the directories that are
 * checked before the restore. -ENOMEM.
 */
int wb_looking_copy_numbers(const struct wb_keep_verdict *verdict, struct wb_manifest_unit *u);
