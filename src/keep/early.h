/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The early thaw: units that need nothing of systemd's are brought back by a program that the warm
 * initramfs starts on the real root, beside systemd, which needs seconds until its first unit.
 *
 * It makes the hold and the network, puts itself into each unit's control group, and restores. The
 * journal does not run yet, so the processes get one end of a socket pair as their stream to it,
 * whose other end this program keeps. When systemd starts the unit's replacement, "warmboot thaw"
 * finds what was done (WB_EARLY), passes on what the processes have written since, and puts its own
 * stream to the journal into their place (sys/swap.h). A unit whose early thaw failed is thawed
 * there as ever.
 */
#pragma once

#include "keep/manifest.h"
#include "sys/sys.h"

/* Process number of the program, written before systemd is started. */
#define WB_EARLY_PID "/run/warmboot/early.pid"
/* What it has done, when it has. */
#define WB_EARLY "/run/warmboot/early.json"
/* Nothing waits for it any longer than this. */
#define WB_EARLY_SECONDS 40

/* One unit that is back. Descriptors are the program's own; inodes are those of the processes' ends. */
struct wb_early_unit {
	char *unit;
	int64_t fds[2]; /* of standard output and of standard error */
	int64_t inodes[2];
};

struct wb_early {
	int64_t pid; /* who has the descriptors open */
	bool held;   /* hold and network are complete: nobody has to make them again */
	WB_LIST(struct wb_early_unit) units;
};

int wb_early_parse(struct wb_bytes text, struct wb_early *ret, struct wb_error *err);
char *wb_early_text(const struct wb_early *early); /* to be freed; NULL: out of memory */
void wb_early_deinit(struct wb_early *early);
#define WB_CLEAN_EARLY __attribute__((cleanup(wb_early_deinit))) struct wb_early
const struct wb_early_unit *wb_early_find(const struct wb_early *early, const char *unit);

/*
 * The manifest without the units that are back: everything in *ret is borrowed from `m` but the
 * array ret->units.items, to be freed with free(). -ENOMEM. Pure.
 */
int wb_early_rest(
	const struct wb_early *early, const struct wb_manifest *m, struct wb_manifest *ret);

/*
 * May this unit come back so early? `fstab`: text of fstab(5), "" none. 0, or -EOPNOTSUPP with the
 * reason; -ENOMEM. Pure.
 */
int wb_early_allows(const struct wb_manifest *m, const struct wb_manifest_unit *u,
	const char *fstab, struct wb_error *err);

/*
 * Do it all, in a child of process 1, and stay until somebody has taken the descriptors over. The
 * caller's standard input is /dev/null. Returns at once, 0, where nothing was kept over the jump.
 */
int wb_early_run(const struct wb_sys *sys, struct wb_error *err);

/*
 * Wait for it to be done, and read what it has. -ENOENT: there is none, or it has died; -ETIME. Both
 * without harm: what is not listed has to be done.
 */
int wb_early_read(const struct wb_sys *sys, struct wb_early *ret, struct wb_error *err);

/*
 * Called in a unit's control group with its streams to the journal as standard output and error: put
 * them into the place of those that its processes were restored with. -ENOENT: the unit is not back
 * yet, and still has to be; -ESRCH: it was, and has ended since. *ret_warning: the output of some of its
 * processes is passed on by a child that stays.
 */
int wb_early_adopt(const struct wb_sys *sys, const struct wb_manifest_unit *u,
	struct wb_error *ret_warning, struct wb_error *err);
