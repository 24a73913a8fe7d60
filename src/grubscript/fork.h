/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running both branches of a condition that only GRUB can answer. */
#pragma once

#include "grubscript/item.h"

struct wb_grub_fork {
	struct wb_grub_env env;
	struct wb_grub_load load;
	struct wb_strv args;
	int status;
	unsigned int breaks;
	bool is_continue, returning, over;
	size_t n_first, n_second; /* number of items in the menu when each branch began */
};

/* Begin the first branch; then the second from the same state; then join their results. */
int wb_grub_fork(struct wb_grub *g, struct wb_grub_fork *f);
int wb_grub_fork_second(struct wb_grub *g, struct wb_grub_fork *f);
int wb_grub_fork_join(struct wb_grub *g, struct wb_grub_fork *f);
void wb_grub_fork_deinit(struct wb_grub_fork *f);
