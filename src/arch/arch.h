/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a planner must know of a machine: one row, one file per machine. */
#pragma once

#include "plan/plan.h"

struct wb_arch {
	const char *name; /* as uname -m says it */
	enum wb_machine_arch id;
	unsigned long kexec_flag; /* KEXEC_ARCH_* of linux/kexec.h */
	bool loads;               /* false: plans only, loading is not built yet */
	/*
	 * A parameter that a kernel entered by kexec under EFI needs on its command line, "name=value",
	 * unless `name` is there already. NULL: none.
	 */
	const char *efi_word;
	const char *const
		*types; /* kexec-tools' names for the kernels of this machine; NULL ends it */
	/*
	 * Fill plan->segments and plan->entry. plan->free is set up. Owned contents go to
	 * plan->params and plan->purgatory. Errors as wb_plan_make().
	 */
	int (*plan)(const struct wb_machine *machine, const struct wb_plan_wish *wish,
		struct wb_plan *plan, struct wb_error *err);
};

extern const struct wb_arch wb_arch_x86_64, wb_arch_arm64;

/* NULL when not known. */
const struct wb_arch *wb_arch_find(enum wb_machine_arch id);
/* The machine that this program was built for. */
const struct wb_arch *wb_arch_native(void);
/* Its free-running cycle counter, which goes on through a jump; 0 where there is none. */
uint64_t wb_arch_cycles(void);
/* Copy one page of 4 KiB as the kernel does between two kernels, where memcpy() is not at hand. */
void wb_arch_copy_page(void *to, const void *from);
