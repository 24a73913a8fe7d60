/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process of the same user as a thread, in the same namespaces, with no capability and no restriction. The kernel lets
 * that thread look at it (ptrace(2), "Ptrace access mode checking") unless a security module forbids it: Landlock
 * forbids it to whatever it restricts, whatever the rules are (security/landlock/task.c, hook_ptrace_access_check()).
 */
#pragma once

#include <sys/types.h>

#include "sys/namespaces.h"
#include "sys/sys.h"

struct wb_bystander {
	pid_t pid;
	int end; /* the process ends when this pipe is closed */
	uid_t uid;
	gid_t gid;
};

/* Start one, for `set` NULL in the caller's namespaces. Negative errno; no sentence. */
int wb_bystander_begin(const struct wb_sys *sys, const struct wb_ns_set *set, uid_t uid, gid_t gid,
	struct wb_bystander *ret);
void wb_bystander_end(struct wb_bystander *b);
