/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The systemd generator: before the first unit is started, decide from the manifest what is thawed,
 * and write the units that do it. Runs again at every daemon-reload, so it must write the same again
 * until the thaw is over.
 */
#pragma once

#include "keep/manifest.h"
#include "sys/sys.h"

/* Exists once all is thawed: from then on every unit is its own again. */
#define WB_THAW_DONE "/run/warmboot/thaw-done"

struct wb_generator_ops {
	void *ctx;
	const struct wb_sys *sys;
	/* Makes missing directories on the way; replaces what is there. Negative errno. */
	int (*symlink)(void *ctx, const char *target, const char *path);
};

/*
 * `program`: path of warmboot. `early`: systemd's third argument's directory, which comes before
 * every other definition. Units that cannot be thawed in this way get their part of the result, with
 * the reason, and stay as they are. -ENOMEM, or what writing gave, with a sentence.
 */
int wb_generator_write(const struct wb_generator_ops *ops, const struct wb_manifest *m,
	const char *program, const char *early, struct wb_error *err);
