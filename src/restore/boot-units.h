/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The systemd generator: before the first unit starts, it writes the units that restore the kept units of the
 * manifest. It runs again at every daemon-reload, and must write the same until all restores are over.
 */
#pragma once

#include "manifest/manifest.h"
#include "sys/sys.h"

/* Exists once all restores are over: from then on every unit has its own definition again. */
#define WB_THAW_DONE "/run/warmboot/thaw-done"

struct wb_generator_ops {
	void *ctx;
	const struct wb_sys *sys;
	/* Makes missing directories, and replaces an existing file. 0, or a negative errno. */
	int (*symlink)(void *ctx, const char *target, const char *path);
};

/*
 * `program`: path of warmboot. `early`: the directory in systemd's third argument, which has priority over
 * every other definition. A unit that cannot be restored so gets its part of the result, with the reason, and
 * keeps its definition. -ENOMEM, or the error of a write, with a sentence.
 */
int wb_generator_write(const struct wb_generator_ops *ops, const struct wb_manifest *m,
	const char *program, const char *early, struct wb_error *err);
