/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of one load, shared by the files of this directory. */
#pragma once

#include "core/error.h"
#include "core/strv.h"
#include "image/image.h"
#include "plan/plan.h"
#include "sys/policy.h"
#include "sys/clock.h"
#include "sys/sys.h"
#include "warmboot.h"

struct wb_stage {
	struct wb_load_options options; /* pointers are the caller's and are used by prepare only */
	enum wb_target_id target;       /* all loads are for a reboot so far */
	struct wb_policy policy;
	struct wb_machine machine;
	bool have_machine;

	char *kernel_path;
	char *initrd_path; /* the one initrd when it is passed as it is, else NULL */
	struct wb_blob kernel_file;
	struct wb_image image;  /* views into kernel_file */
	struct wb_blob vmlinux; /* FAST: decompressed and linked */
	bool cached;            /* vmlinux was read from options.cache */
	struct wb_blob initrd;
	struct wb_blob dtb;
	char *cmdline;
	bool no_cmdline; /* nothing but words that warmboot adds */
	char release[128];

	enum wb_method method;
	char method_why[512];
	enum wb_initramfs initramfs;
	char initramfs_why[640];
	bool guarded;      /* options.watchdog is to be armed */
	bool guarded_late; /* and the new kernel has its driver */
	char unguarded_why[512];
	struct wb_plan plan; /* empty for FILE */
	struct wb_handoff handoff;
	struct wb_rate begin; /* when preparing began */
};

/*
 * Check that the file has this SHA-256 (64 hex digits; NULL: do not check). -EBADMSG: it has
 * another.
 */
int wb_stage_check_digest(
	struct wb_bytes file, const char *path, const char *hex, struct wb_error *err);
/* Read the initrds, or build the warm one: fills initrd, initramfs, initramfs_why. */
int wb_stage_initrd(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err);
/*
 * The watchdog cannot guard this load: fail if it is needed, else note why and go without. `why` is a
 * sentence.
 */
int wb_stage_unguard(struct wb_stage *s, const char *why, struct wb_error *err);
/* Decide by method and machine whether options.watchdog is armed. Errors as above. */
int wb_stage_choose_guard(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err);
/* Plan for s->method (FAST or SEGMENTS). -EOPNOTSUPP: this method cannot do it, another one may. */
int wb_stage_plan(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err);
/* Fail before the system runs out of memory. `what` completes "too little memory to …". */
int wb_stage_check_memory(
	const struct wb_sys *sys, uint64_t bytes, const char *what, struct wb_error *err);
/*
 * The bytes that may be read: `most`, or half of the available memory if that is less. The other
 * half is needed because the running kernel makes a copy.
 */
uint64_t wb_stage_spare(const struct wb_sys *sys, uint64_t most);
/*
 * Report that something does not fit into wb_stage_spare(). `what` as in wb_stage_check_memory().
 * -ENOMEM.
 */
int wb_stage_no_spare(uint64_t spare, const char *what, struct wb_error *err);
/* Read a file of at most `most` bytes, and at most wb_stage_spare() bytes. */
int wb_stage_read(const struct wb_sys *sys, const char *path, uint64_t most, struct wb_blob *ret,
	struct wb_error *err);
/* Unload the kernel of this target, as wb_unload() does for a reboot. */
int wb_stage_unload(const struct wb_sys *sys, enum wb_target_id target, struct wb_error *err);
void wb_stage_progress(const struct wb_stage *s, const char *what);
