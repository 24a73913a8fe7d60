/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into the loaded kernel: through the init system, so that services stop in order, or at once.
 */
#pragma once

#include <stdbool.h>

#include "core/files.h"
#include "sys/quiesce.h"
#include "sys/sys.h"

/* One row per init system. */
struct wb_init {
	const char *name;
	/* Does this init system run the machine? */
	bool (*here)(const struct wb_files *files);
	/*
	 * One sentence for each program that asks for no shutdown now. NULL: it knows no such thing.
	 * Negative errno when it cannot be asked.
	 */
	int (*inhibitors)(struct wb_strv *ret, struct wb_error *err);
	/*
	 * Have it stop everything and jump. Returns 0 as soon as it has taken the request, negative
	 * errno when it refused and nothing was stopped. NULL: it cannot, and `argv` is run instead.
	 */
	int (*kexec)(bool ignore_inhibitors, struct wb_error *err);
	/* What stops everything without rebooting; the jump is then ours to make. NULL: none. */
	const char *const *argv;
};

/* The one that runs here; NULL when it is none that we know. */
const struct wb_init *wb_init_find(const struct wb_files *files);

/* Does an inhibitor lock of logind, as ListInhibitors gives it, forbid a shutdown? Pure. */
bool wb_inhibitor_blocks(const char *what, const char *mode);

extern const struct wb_init wb_init_systemd;

/* Does any program hold a shutdown up? -EBUSY with a sentence that names it and its reason. */
int wb_jump_allowed(const struct wb_init *init, struct wb_error *err);

/*
 * Stop everything through `init` and jump. 0 when it is under way. On failure nothing was stopped,
 * save for -ESHUTDOWN: everything was stopped, and the kernel refused to jump.
 */
int wb_jump_orderly(const struct wb_init *init, const struct wb_sys *sys,
	const struct wb_quiesce *quiesce, bool ignore_inhibitors, struct wb_error *err);

/*
 * Write everything out, freeze the file systems (or make them read-only where they cannot be
 * frozen) and jump. Returns only on failure, with all as it was.
 */
int wb_jump_now(const struct wb_sys *sys, const struct wb_quiesce *quiesce, struct wb_error *err);

/*
 * Mount points of the writable file systems on block devices, one for each file system, the last
 * mounted first. mountinfo: as in /proc/self/mountinfo. -ENOMEM.
 */
int wb_writable_mounts(const char *mountinfo, struct wb_strv *ret);
