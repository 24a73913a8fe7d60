/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The purpose of a load (reboot or crash) and what follows from it, one row each. */
#pragma once

#include "core/error.h"
#include "plan/machine.h"

enum wb_target_id {
	WB_TARGET_REBOOT = 0, /* a kernel that takes over the whole machine at the jump */
	/* a kernel for after a crash of this one, in memory that is set aside for it */
	WB_TARGET_CRASH,
};

struct wb_target {
	const char *name;
	/* Segments go into the RAM of this list, which belongs to the machine. */
	const struct wb_ranges *(*within)(const struct wb_machine *m);
	/* And outside of the ranges of any type in this one, which belongs to the machine, too. */
	const struct wb_ranges *(*without)(const struct wb_machine *m);
	const char *no_room; /* the error if within() is empty; NULL: the planner reports it */
	bool confined; /* the new kernel uses only that RAM, and the RAM that boot code needs */
	/* Flags by which each call loads and unloads for this target, linux/kexec.h. */
	unsigned long kexec_flags; /* of kexec_load(2) */
	unsigned long file_flags;  /* of kexec_file_load(2) */
	/* The sysctl below kernel. that limits its loads and unloads (since Linux 6.3). */
	const char *load_limit;
	/*
	 * Segments that the running kernel updates after the load, so that purgatory must not
	 * verify them: names, ended by NULL. NULL: there are none.
	 */
	const char *const *rewritten;
	unsigned long rewrite_flag; /* the kexec flag that allows these updates */
	/* Does the machine's kernel make them? If not, the two above do not count. NULL if there are none. */
	bool (*rewrites)(const struct wb_machine *m);
};

const struct wb_target *wb_target(enum wb_target_id id);
/* Flags of kexec_load(2) for a load on this machine, without those for the architecture. */
unsigned long wb_target_flags(const struct wb_target *t, const struct wb_machine *m);
/*
 * Names of segments that this machine's kernel updates after the load, ended by NULL. NULL: there
 * are none.
 */
const char *const *wb_target_rewritten(const struct wb_target *t, const struct wb_machine *m);
/*
 * Change the machine's map into the one for the new kernel. -EOPNOTSUPP: this machine has no room
 * for such a load; -ENOMEM.
 */
int wb_target_map(const struct wb_target *t, const struct wb_machine *m, uint64_t lowest,
	struct wb_ranges *map, struct wb_error *err);
