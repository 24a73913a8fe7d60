/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of machines: one row for each, in one file or a few. struct wb_files names the row of
 * the machine that the files describe, so a test can pretend to be another machine.
 */
#pragma once

#include "core/files.h"
#include "core/text.h"
#include "plan/plan.h"

/* The device for memory that is set aside as persistent memory, and its driver. */
struct wb_arch_pmem {
	const char *kind; /* the name of such memory in /proc/iomem */
	const char
		*device; /* the device for all of it, in sysfs; absent if there is no such memory */
	const char *driver; /* the directory of its driver in sysfs */
	const char *name;   /* the device's name for that driver's "unbind" */
	const char *module; /* module of the driver; nd_pmem makes the block devices */
};

/*
 * Sixteen bytes that no kernel uses and that survive a jump, writable until the end of a shutdown.
 */
struct wb_arch_stamp {
	const char *path;  /* the file that gives access to them */
	uint64_t offset;   /* and the offset in it */
	const char *where; /* the place that holds them, for reports */
};

#define WB_ARCH_WORD 64 /* bytes of a word for a command line, with its NUL */

struct wb_arch {
	const char *name;         /* the name of uname -m */
	enum wb_machine_arch id;  /* architecture of the images that it runs */
	unsigned long kexec_flag; /* KEXEC_ARCH_* of linux/kexec.h */
	bool loads;               /* false: plans only, loading is not built yet */
	/* kexec-tools' names for the kernels of this machine; NULL ends it. */
	const char *const *types;

	/* ---- facts from the running kernel ---- */

	/*
	 * Fill in the facts about the machine; `m` is empty except for its arch, release and
	 * elfcorehdr_size. Facts that only root may read are left empty for others. -ENOENT: there
	 * is no memory map; -EBADMSG: it makes no sense; -ENOMEM; with a sentence. NULL: not built
	 * yet.
	 */
	int (*read)(const struct wb_files *files, struct wb_machine *m, struct wb_error *err);
	/*
	 * Was the running kernel entered by kexec, by any program? 1; 0: no, or not known; -ENOMEM.
	 * NULL: 0.
	 */
	int (*by_kexec)(const struct wb_files *files);
	/*
	 * The rate of the cycle counter in kHz that this line of the kernel's log states; 0: none.
	 * Pure. NULL: 0.
	 */
	uint64_t (*log_khz)(struct wb_span line);

	/*
	 * Do words of the next kernel's command line take features of the CPU away that programs have now? *ret_why: a
	 * sentence, to be freed; NULL: no. NULL: there are no such words. Errors of reading; -ENOMEM.
	 */
	int (*masks)(const struct wb_files *files, const char *cmdline, char **ret_why);

	/*
	 * Keys of /proc/cpuinfo that tell which CPU it is, up to its microcode, eight at most; NULL ends them. NULL:
	 * the file tells nothing.
	 */
	const char *const *cpu_keys;
	const char *cpu_guest; /* the flag in there that a hypervisor sets. NULL: there is none */

	/* ---- data from one kernel's user space to the next one's ---- */

	/*
	 * The notes that the old kernel left for this one, as `plan` wrote them: call fn with each
	 * note until it returns something other than -ENOENT. Returns that value, or -ENOENT. NULL:
	 * not built yet.
	 */
	int (*each_note)(const struct wb_files *files, int (*fn)(struct wb_bytes note, void *arg),
		void *arg);
	/* Can there be notes? A quick check, because every boot asks. NULL: no. */
	bool (*may_have_notes)(const struct wb_files *files);
	const char *notes; /* the kernel's name of the place of the notes, for sentences */
	const struct wb_arch_stamp
		*stamp; /* for the last instant of user space; NULL: there is no place for it */

	/* ---- memory that the next kernel leaves alone, besides that from `plan` ---- */

	/*
	 * The kernel parameter that sets a region aside as persistent memory. NULL, like the next
	 * two: there is no such parameter.
	 */
	void (*region_word)(uint64_t start, uint64_t size, char ret[WB_ARCH_WORD]);
	/*
	 * The i-th region that a command line sets aside so, without regions of size 0 or with an
	 * end above 2^63; false after the last. Pure.
	 */
	bool (*region_find)(const char *cmdline, size_t i, uint64_t *ret_start, uint64_t *ret_size);
	/* such a parameter as a person would write it, for sentences */
	const char *region_like;
	const struct wb_arch_pmem *pmem; /* NULL: a kernel here makes no device for such memory */

	/* ---- the load of the next kernel ---- */

	/*
	 * A parameter "name=value" that a kernel needs on its command line if it is entered by
	 * kexec under EFI, unless `name` is there already. NULL: none.
	 */
	const char *efi_word;
	uint64_t lowest; /* RAM below it belongs to the boot code: nothing is placed there */
	/*
	 * Fill plan->segments and plan->entry. plan->free is set up. The machine's map is the one
	 * for the next kernel, which may use all RAM in it and no other. WB_MEMORY_PERSISTENT is
	 * announced in a way that makes the kernel leave it alone. wish->handoff and wish->store
	 * are passed on as notes. Owned contents go to plan->params and plan->purgatory. Errors as
	 * wb_plan_make().
	 */
	int (*plan)(const struct wb_machine *machine, const struct wb_plan_wish *wish,
		struct wb_plan *plan, struct wb_error *err);
};

extern const struct wb_arch wb_arch_x86_64, wb_arch_arm64;

/* The machine that this program was built for. */
const struct wb_arch *wb_arch_native(void);
/* The row for the machine that the files describe. */
const struct wb_arch *wb_arch_of(const struct wb_files *files);
/* Does a command line set exactly this region aside, however its numbers are written? Pure. */
bool wb_arch_sets_aside(
	const struct wb_arch *arch, const char *cmdline, uint64_t start, uint64_t size);
/*
 * The native machine's free-running cycle counter, which runs on through a jump; 0 if there is
 * none.
 */
uint64_t wb_arch_cycles(void);
/* Features of the CPU that the kernel has switched on for programs, beside AT_HWCAP (getauxval(3)); 0: none. */
uint64_t wb_arch_features(void);
/* Copy one page of 4 KiB as the kernel does between two kernels, without memcpy(). */
void wb_arch_copy_page(void *to, const void *from);
