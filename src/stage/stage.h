/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Insides of struct wb_stage, shared by the files of this room. */
#pragma once

#include "core/error.h"
#include "core/strv.h"
#include "image/image.h"
#include "plan/plan.h"
#include "stage/policy.h"
#include "sys/sys.h"
#include "warmboot.h"

struct wb_stage {
	struct wb_load_options options; /* pointers are the caller's and are used by prepare only */
	struct wb_policy policy;
	struct wb_machine machine;
	bool have_machine;

	char *kernel_path;
	char *initrd_path; /* the one initrd when it is passed as it is, else NULL */
	struct wb_blob kernel_file;
	struct wb_image image;  /* views into kernel_file */
	struct wb_blob vmlinux; /* FAST: decompressed and linked */
	struct wb_blob initrd;
	struct wb_blob dtb;
	char *cmdline;
	bool no_cmdline; /* but for words of warmboot */
	char release[128];

	enum wb_method method;
	char method_why[512];
	enum wb_initramfs initramfs;
	char initramfs_why[640];
	struct wb_plan plan; /* empty for FILE */
	struct wb_handoff handoff;
	uint64_t tsc_begin, wall_begin; /* taken together when preparing began */
};

/* Read the initrds, or build the warm one: fills initrd, initramfs, initramfs_why. */
int wb_stage_initrd(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err);
/* Plan for s->method (FAST or SEGMENTS). -EOPNOTSUPP: another method may do. */
int wb_stage_plan(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err);
/* Refuse before the system would run out of memory. `what` ends "too little memory to …". */
int wb_stage_check_memory(
	const struct wb_sys *sys, uint64_t bytes, const char *what, struct wb_error *err);
/*
 * `most`, or half of the memory that is available where that is less: whatever is taken in exists
 * twice, here and in the running kernel's hands.
 */
uint64_t wb_stage_spare(const struct wb_sys *sys, uint64_t most);
/* Refuse what does not fit into wb_stage_spare(). `what` as in wb_stage_check_memory(). -ENOMEM. */
int wb_stage_no_spare(uint64_t spare, const char *what, struct wb_error *err);
/* Read a file of at most `most` bytes, and of no more than the machine can spare. */
int wb_stage_read(const struct wb_sys *sys, const char *path, uint64_t most, struct wb_blob *ret,
	struct wb_error *err);
void wb_stage_progress(const struct wb_stage *s, const char *what);
