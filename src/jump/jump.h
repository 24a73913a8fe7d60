/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jumping into the loaded kernel: through the init system, which stops services in order, or at
 * once.
 */
#pragma once

#include <stdbool.h>

#include "core/files.h"
#include "core/mountinfo.h"
#include "sys/quiesce.h"
#include "sys/sys.h"

/* An init system and what it offers. */
struct wb_init {
	const char *name;
	/* Does this init system run the machine? */
	bool (*here)(const struct wb_files *files);
	/*
	 * List the programs that ask for no shutdown now, one sentence for each. Negative errno:
	 * the init system cannot be asked. NULL: it has no inhibitors.
	 */
	int (*inhibitors)(struct wb_strv *ret, struct wb_error *err);
	/*
	 * Ask the init system to stop everything and jump. Returns 0 as soon as it has accepted the
	 * request, negative errno if it refused and nothing was stopped. NULL: it cannot jump, and
	 * `argv` is run instead.
	 */
	int (*kexec)(bool ignore_inhibitors, struct wb_error *err);
	/*
	 * Is the init system stopping the machine, or about to? 1 yes, 0 no, negative errno with a
	 * sentence. NULL: `argv` stops everything, as a child of this process.
	 */
	int (*stopping)(struct wb_error *err);
	/*
	 * The command that stops everything without a reboot; this process jumps afterwards. NULL:
	 * `kexec` does both.
	 */
	const char *const *argv;
};

/* The init system that runs here. NULL: it is not a known one. */
const struct wb_init *wb_init_find(const struct wb_files *files);

/*
 * Does any program inhibit a shutdown? -EBUSY with a sentence that names the program and its
 * reason.
 */
int wb_jump_allowed(const struct wb_init *init, struct wb_error *err);

/*
 * Is the init system shutting the machine down? The command that asked for it may have returned. 1
 * yes, 0 no; negative errno with a sentence: the init system does not say.
 */
int wb_jump_under_way(const struct wb_files *files, struct wb_error *err);

/*
 * Stop everything through `init` and jump. Returns 0 when the shutdown has begun. On failure
 * nothing was stopped, except for -ESHUTDOWN: everything was stopped, but the kernel refused to
 * jump.
 */
int wb_jump_orderly(const struct wb_init *init, const struct wb_sys *sys,
	const struct wb_quiesce *quiesce, bool ignore_inhibitors, struct wb_error *err);

/*
 * Write everything to disk, freeze the file systems (or make them read-only if they cannot be
 * frozen) and jump. Returns only on failure, with the file systems writable again.
 */
int wb_jump_now(const struct wb_sys *sys, const struct wb_quiesce *quiesce, struct wb_error *err);

/*
 * Mount points of the writable file systems on block devices, one for each file system, the last
 * mounted first. Pure. -ENOMEM.
 */
int wb_writable_mounts(const struct wb_mounts *mounts, struct wb_strv *ret);
