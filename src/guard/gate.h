/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The health gate after a guarded jump: what was found, and the verdict that follows from it. */
#pragma once

#include "guard/trial.h"
#include "sys/runner.h"

/* Each list has a sentence for each thing, without its full stop. */
struct wb_gate_facts {
	struct wb_strv bad;      /* a failed unit, a kept service that is gone, a required check */
	bool hangs;              /* the boot has not ended: a watchdog may bite */
	struct wb_strv degraded; /* a service that was restarted, a wanted check */
};

void wb_gate_facts_deinit(struct wb_gate_facts *facts);
#define WB_CLEAN_GATE_FACTS __attribute__((cleanup(wb_gate_facts_deinit))) struct wb_gate_facts

/* The verdict, and its sentence: the first thing, and how many more there are. *ret_why to be freed. -ENOMEM. */
int wb_gate_judge(const struct wb_gate_facts *facts, enum wb_trial_verdict *ret, char **ret_why);

/* ---- programs ---- */

/* A directory with programs that judge a boot: each ends with 0 if all is well. */
struct wb_gate_dir {
	const char *path;
	bool required; /* a failure is bad; false: it is degraded */
};

/* warmboot's own, and those of greenboot(8); ended by one without a path. */
extern const struct wb_gate_dir wb_gate_dirs[];

struct wb_gate_ops {
	void *ctx;
	/*
	 * May root run this file? It is a file of root's that nobody else can write, in a directory of the
	 * same kind, and no link. 1 yes; 0 it is not executable, so no program; negative errno with a sentence.
	 */
	int (*may_run)(void *ctx, const char *path, struct wb_error *err);
	/* CLOCK_BOOTTIME in nanoseconds. */
	uint64_t (*boot_ns)(void *ctx);
	/* Sleep for so many milliseconds. */
	void (*pause)(void *ctx, unsigned ms);
};

extern const struct wb_gate_ops wb_gate_ops_host;

/*
 * Run all programs, one after the other, until `until_ns` of boot_ns(); those that come too late have
 * failed. -ENOMEM.
 */
int wb_gate_programs(const struct wb_files *files, const struct wb_gate_ops *ops,
	const struct wb_runner *runner, uint64_t until_ns, struct wb_gate_facts *facts);

/* ---- evidence ---- */

/* The paths of all records of pstore that are there now. -ENOMEM. */
int wb_gate_records(const struct wb_files *files, struct wb_strv *ret);
/*
 * After a jump that ended in the firmware: what the machine kept of it. *ret_why is a sentence and
 * *ret_evidence the file that says so, both to be freed; both stay NULL if there is nothing. `before`: records
 * that were there before the jump. -ENOMEM.
 */
int wb_gate_evidence(const struct wb_files *files, const struct wb_strv *before, char **ret_why,
	char **ret_evidence);
