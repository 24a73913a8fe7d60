/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * struct wb_ns_ops over lists in the test. Namespace FAKE_NS_MACHINE + KIND is the machine's. A
 * process that is not listed has all of these, and is in `cgroup`.
 */
#pragma once

#include "sys/namespaces.h"

#define FAKE_NS_MACHINE 100

/* A namespace that is not the machine's. */
struct fake_ns_one {
	int id; /* up to 99; 0 ends the list */
	enum wb_ns kind;
	int owner;  /* a user namespace; 0: one that the caller may not see */
	int parent; /* of a user namespace */
	uint32_t uid;
};

struct fake_ns_proc {
	int64_t pid;          /* 0 ends the list */
	const char *cgroup;   /* text of its file; NULL: as for those that are not listed */
	int ns[WB_NS_COUNT];  /* 0: the machine's */
	int pid_for_children; /* 0: as ns; -1: none yet */
	bool gone;
};

struct fake_ns {
	const char *cgroup; /* "0::/x.service\n" */
	const struct fake_ns_proc *procs;
	const struct fake_ns_one *ones;
	int fds;      /* number of open descriptors */
	bool no_time; /* the kernel has no time namespaces */
};

struct wb_ns_ops fake_ns_ops(struct fake_ns *fake);
