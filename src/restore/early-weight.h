/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The share of the CPUs that the early restore has. Where the cpu controller is on, niceness and autogroups count within
 * a control group only, and the groups share the CPUs by cpu.weight (cgroup-v2.rst in the kernel's documentation).
 */
#pragma once

#include "core/files.h"
#include "core/list.h"
#include "sys/runner.h"

struct wb_early_raised {
	char *path;      /* of a cpu.weight */
	uint64_t before; /* what was in it, and what is in it again afterwards */
};

/* Owned. */
typedef WB_LIST(struct wb_early_raised) wb_early_weights;

/*
 * Raise the weights of a unit's control group and of those that it is in. `root`: the control group file system. systemd
 * sets weights as well, so this is repeated as long as the restore lasts. A group without the controller is left out.
 * -ENOMEM.
 */
int wb_early_weights_raise(const struct wb_files *files, const struct wb_runner *runner,
	wb_early_weights *weights, const char *root, const char *cgroup);
/* Set the raised ones back. One that another program has set since then stays. Frees the list. */
void wb_early_weights_back(
	const struct wb_files *files, const struct wb_runner *runner, wb_early_weights *weights);
