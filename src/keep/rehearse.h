/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeping a unit as if for a jump, but for the jump: it is checkpointed, and goes on. */
#pragma once

#include "keep/preflight.h"
#include "keep/runner.h"

/* What a rehearsal needs of the machine. */
struct wb_keep_rehearsing {
	const struct wb_sys *sys;
	struct wb_keep_look look;
	const struct wb_runner *runner;
	const char *criu_program; /* NULL: where Debian has it */
	const char *dir;          /* of CRIU's work; NULL: WB_CRIU_DIR */
};

struct wb_keep_rehearsal {
	struct wb_keep_verdict verdict; /* after it: RESTART with CRIU's reason when it failed */
	bool tried;                     /* the preflight let it pass, so it was checkpointed */
	uint64_t bytes;                 /* of the images, and: */
	size_t images;
	int64_t frozen_us; /* how long it stood still */
	bool restarted;    /* it did not survive that, and was started again */
};

void wb_keep_rehearsal_deinit(struct wb_keep_rehearsal *rehearsal);
#define WB_CLEAN_KEEP_REHEARSAL \
	__attribute__((cleanup(wb_keep_rehearsal_deinit))) struct wb_keep_rehearsal

/*
 * CRIU's version; NULL when it is not installed, or does not say. To be freed. program NULL: where
 * Debian has it.
 */
char *wb_criu_version(const struct wb_runner *runner, const char *program);

/*
 * 0 whatever the rung. -ENOENT no such unit, -ESRCH it is not active; -ENOMEM. The unit runs
 * afterwards as before, or was started again, which the last warning tells.
 */
int wb_keep_rehearse(const struct wb_keep_rehearsing *with, const char *unit,
	const struct wb_keep_config *config, struct wb_keep_rehearsal *ret, struct wb_error *err);
