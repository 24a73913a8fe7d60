/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The early restore: a program that the warm initramfs starts on the real root restores units that need
 * nothing from systemd. It runs beside systemd, which needs seconds until its first unit.
 *
 * The program sets up the packet hold and the network, enters each unit's control group, and restores it.
 * The journal does not run yet, so the processes get one end of a socket pair as their output, and this
 * program keeps the other end. When systemd starts the unit's replacement, "warmboot thaw" reads WB_EARLY,
 * copies the output to the journal, and puts its own stream to the journal in the place of the socket
 * (sys/swap.h). If the early restore of a unit fails, "warmboot thaw" restores it in the ordinary way.
 */
#pragma once

#include "manifest/manifest.h"
#include "manifest/unit-list.h"
#include "sys/sys.h"

/* Process number of the program, written before systemd is started. */
#define WB_EARLY_PID "/run/warmboot/early.pid"
/* The state of the early restore, struct wb_early, written when it is over. */
#define WB_EARLY "/run/warmboot/early.json"
/* Nothing waits longer for the early restore. */
#define WB_EARLY_SECONDS 40

/* A restored unit. The descriptors are those of the program, the inodes those of the processes' ends. */
struct wb_early_unit {
	char *unit;
	int64_t fds[2]; /* of standard output and of standard error */
	int64_t inodes[2];
};

struct wb_early {
	int64_t pid; /* the process that has the descriptors open */
	bool held;   /* packet hold and network are complete, and need not be made again */
	WB_LIST(struct wb_early_unit) units;
};

int wb_early_parse(struct wb_bytes text, struct wb_early *ret, struct wb_error *err);
char *wb_early_text(const struct wb_early *early); /* to be freed; NULL: out of memory */
void wb_early_deinit(struct wb_early *early);
#define WB_CLEAN_EARLY __attribute__((cleanup(wb_early_deinit))) struct wb_early
const struct wb_early_unit *wb_early_find(const struct wb_early *early, const char *unit);

/* The units that were checkpointed, in the order of their restore: by priority, and who was frozen last comes first. -ENOMEM. Pure. */
int wb_early_turns(const struct wb_manifest *m, struct wb_unit_list *ret);
/* The manifest's units without the restored ones. -ENOMEM. Pure. */
int wb_early_rest(
	const struct wb_early *early, const struct wb_manifest *m, struct wb_unit_list *ret);

/*
 * May this unit be restored early? `fstab`: text of fstab(5), "" none. 0: yes; -EOPNOTSUPP: no, with the
 * reason; -ENOMEM. Pure.
 */
int wb_early_allows(const struct wb_manifest *m, const struct wb_manifest_unit *u,
	const char *fstab, struct wb_error *err);

/*
 * Restore all units that may be restored early, in a child of process 1, and stay until the descriptors have
 * been taken over. The caller's standard input is /dev/null. 0 at once, if nothing was kept over the jump.
 */
int wb_early_run(const struct wb_sys *sys, struct wb_error *err);

/*
 * Wait until the early restore is over, and read its state. -ENOENT: there was none, or it died; -ETIME. In
 * both cases every unit must still be restored, which does no harm.
 */
int wb_early_read(const struct wb_sys *sys, struct wb_early *ret, struct wb_error *err);

/*
 * Take over a unit from the early restore. The caller is in the unit's control group, and its standard output
 * and error are the unit's streams to the journal; they replace those that the processes were restored with.
 * -ENOENT: the unit is not restored yet; -ESRCH: it was, and has ended since. *ret_warning: a child stays and
 * copies the output of some processes.
 */
int wb_early_adopt(const struct wb_sys *sys, const struct wb_manifest_unit *u,
	struct wb_error *ret_warning, struct wb_error *err);
