/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A rehearsal: a unit is looked at and checkpointed as for a jump, without a store, and goes on. */
#pragma once

#include "keep/ways.h"
#include "sys/runner.h"

/* The machine on which units are rehearsed. */
struct wb_keep_rehearsing {
	const struct wb_sys *sys;
	struct wb_keep_look look;
	const struct wb_runner *runner;
	const char *criu_program;                /* path; NULL: where Debian has it */
	const char *dir;                         /* work directory of CRIU; NULL: WB_CRIU_DIR */
	const struct wb_keep_means *const *ways; /* NULL: wb_ways_all */
	/* Units that would be kept besides the configured ones: those with which a shutdown would stop this one. */
	const struct wb_strv *together; /* NULL: none */
};

struct wb_keep_rehearsal {
	struct wb_keep_verdict verdict; /* lowered, with the reason, if the rehearsal failed */
	bool tried;                     /* the preflight let it pass, so a checkpoint was tried */
	uint64_t bytes;                 /* of all images; and their number: */
	size_t images;
	int64_t frozen_us; /* how long the unit stood still */
	bool restarted;    /* it did not survive the rehearsal, and was started again */
};

void wb_keep_rehearsal_deinit(struct wb_keep_rehearsal *rehearsal);
#define WB_CLEAN_KEEP_REHEARSAL \
	__attribute__((cleanup(wb_keep_rehearsal_deinit))) struct wb_keep_rehearsal

/*
 * 0 whatever the verdict is. -ENOENT: there is no such unit; -ESRCH: it is not active; -ENOMEM. Afterwards the
 * unit runs as before, or was started again, which the last reason says.
 */
int wb_keep_rehearse(const struct wb_keep_rehearsing *with, const char *unit,
	const struct wb_keep_config *config, struct wb_keep_rehearsal *ret, struct wb_error *err);
