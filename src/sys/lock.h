/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lock of this machine: two commands that change something never run beside each other. The
 * kernel holds it for an open file (flock(2)), so a holder that is killed releases it. Children
 * that are forked, without exec, hold it with their parent. A shutdown outlives the command that
 * asked for it: the lock's file says so, and the init system is asked whether the shutdown still
 * goes on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define WB_LOCK_PATH "/run/warmboot/lock"

/* The record of the holder in the lock's file. */
struct wb_lock_holder {
	char command[48];
	int64_t pid;
	uint64_t start;    /* when that process began, as /proc/PID/stat counts; 0 unknown */
	int64_t uid;       /* its real user */
	int64_t login_uid; /* who logged in (/proc/PID/loginuid); -1 nobody */
	uint64_t boot_ns;  /* CLOCK_BOOTTIME when it took the lock */
	int64_t wall_s;    /* CLOCK_REALTIME then, for people only */
	bool unit;         /* one of warmboot's own units, which ends by itself */
	bool shutdown;     /* it has asked, or is about to ask, the init system to shut down */
};

/* All records have this length, so one write replaces the older one. */
#define WB_LOCK_RECORD 512

/* Pure. -EBADMSG: it is incomplete, or not a record of a lock. */
int wb_lock_parse(const char *text, size_t n, struct wb_lock_holder *ret);
/* Pure. The rest of `ret` is filled with newlines. */
void wb_lock_format(const struct wb_lock_holder *holder, char ret[WB_LOCK_RECORD]);
/*
 * One sentence for a command that is refused. `lives`: the holder's process lives; now:
 * CLOCK_BOOTTIME. Pure.
 */
void wb_lock_tell(const struct wb_lock_holder *holder, bool lives, uint64_t now_boot_ns,
	struct wb_error *ret);

/* wb_lock_holder.start of a process. 0: none, or it has ended (a zombie holds nothing). */
uint64_t wb_lock_process_start(int64_t pid);

struct wb_lock {
	const char *path;    /* NULL: WB_LOCK_PATH */
	const char *command; /* name for the next command: "keep test" */
	bool shared;         /* shared with others that ask for it shared */
	bool unit;           /* the caller is one of warmboot's own units */
	unsigned patience_ms;
	/*
	 * The patience if one of warmboot's own units has it, since commands are typed right after
	 * a boot.
	 */
	unsigned unit_patience_ms;
	/* Called once before waiting for such a unit. May be NULL. */
	void (*waits)(void *ctx, const char *command);
	/* The caller is part of a shutdown that a command has begun. */
	bool of_shutdown;
	/*
	 * Is the machine shutting down, to another kernel or for good? 1 yes, 0 no, negative errno:
	 * not known, with a sentence. Called only if the file says that a shutdown was begun.
	 */
	int (*under_way)(void *ctx, struct wb_error *err);
	void *ctx;
};

/*
 * Take the lock. Returns a descriptor that holds it, to be closed. -EBUSY with a sentence that says
 * who holds it and since when, -EPERM the file or its directory belongs to others than root, or
 * another negative errno, each with a sentence.
 */
int wb_lock_take(const struct wb_lock *how, struct wb_error *err);
/*
 * For the holder: record that the shutdown which is asked for now keeps the lock when this process
 * has ended; false: that the shutdown was refused.
 */
int wb_lock_hand_over(int fd, bool shutdown, struct wb_error *err);
