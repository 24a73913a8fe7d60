/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The planner: image + machine + wishes -> segments for kexec_load(2). Pure: no I/O, no system
 * call, no random numbers of its own, so that a test can check every byte of a plan.
 */
#pragma once

#include "core/digest.h"
#include "core/error.h"
#include "image/image.h"
#include "plan/machine.h"
#include "plan/target.h"
#include "purgatory/handoff.h"
#include "warmboot.h"

#define WB_PLAN_SEGMENTS 16 /* KEXEC_SEGMENT_MAX */

struct wb_plan_segment {
	const char *name;
	const uint8_t *buf; /* into a blob of the plan or of the wish */
	size_t bufsz;
	uint64_t mem;
	size_t memsz;
	/* purgatory checks this many bytes from the start of buf; it writes the rest itself */
	size_t verify;
};

struct wb_plan_wish {
	enum wb_target_id target;
	enum wb_method method; /* FAST or SEGMENTS */
	const struct wb_image *image;
	/* FAST: the vmlinux to link: decompressed ELF, changed in place by relocation. */
	struct wb_blob *vmlinux;
	struct wb_bytes initrd;
	const char *cmdline; /* never NULL */
	bool verify;
	enum wb_digest_kind digest; /* the digest that purgatory computes */
	uint64_t mem_min, mem_max;  /* mem_max 0: no limit */
	struct wb_bytes dtb;        /* instead of the machine's */
	uint64_t entropy[2];        /* physical and virtual placement */
	uint8_t rng_seed[32];       /* passed on to the new kernel */
	struct wb_handoff handoff;  /* the facts that are known before the jump */
	/* Memory that the next kernel leaves untouched, in the store's own order; NULL none. */
	const struct wb_handoff_range *store;
	size_t n_store;
	/* Memory of guests, which the next kernel finds where it is (plan/span.h); NULL: none. */
	const struct wb_handoff_range *guests;
	size_t n_guests;
	/* Register steps that purgatory runs just before the new kernel; NULL: none. */
	const struct wb_reg_step *steps;
	uint32_t n_steps;
};

struct wb_plan {
	unsigned long kexec_flags; /* of kexec_load(2) */
	const char *const
		*rewritten; /* as of wb_target_rewritten(): segments that are never verified */
	struct wb_plan_segment segments[WB_PLAN_SEGMENTS];
	size_t n;
	uint64_t entry;
	uint64_t kernel_at;  /* physical base of the kernel */
	uint64_t virt_delta; /* KASLR offset that warmboot applies; 0 none */
	bool kaslr;          /* FAST: placed at random and memory KASLR left on */
	/* the free memory for more segments, type WB_MEMORY_RAM */
	struct wb_ranges free;
	uint64_t mem_min, mem_max;        /* the wish's bounds of `free` */
	struct wb_blob params, purgatory; /* owned contents of segments */
};

/*
 * Make a plan. -EOPNOTSUPP: this method cannot load the image on this machine (the caller may try
 * another method); -ENOSPC no room; -E2BIG command line too long; -EBADMSG image damaged; -ENOMEM.
 */
int wb_plan_make(const struct wb_machine *machine, const struct wb_plan_wish *wish,
	struct wb_plan *ret, struct wb_error *err);
void wb_plan_deinit(struct wb_plan *plan);

/* For the arch files: find and take room, and add the segment. want->type is set here. */
int wb_plan_place(struct wb_plan *plan, struct wb_fit want, const char *what, uint64_t *ret_at,
	struct wb_error *err);
/* Return -ENOSPC with a sentence. */
int wb_plan_no_room(const struct wb_plan *plan, const struct wb_fit *want, const char *what,
	struct wb_error *err);
int wb_plan_take(
	struct wb_plan *plan, uint64_t at, uint64_t size, const char *what, struct wb_error *err);
int wb_plan_add(struct wb_plan *plan, const char *name, const uint8_t *buf, size_t bufsz,
	uint64_t mem, size_t memsz, size_t verify, struct wb_error *err);
