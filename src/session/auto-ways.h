/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways of asking systemd for a reboot, and which of them it turns into a jump while a kernel is loaded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct wb_auto_way {
	const char *what; /* a command, or who asks in which way */
	/* The first version of systemd that makes a jump of it; 0: all do, WB_AUTO_NEVER: none does. */
	unsigned since;
};

#define WB_AUTO_NEVER 65535u

/* The i-th of them, NULL past the last. Static. */
const struct wb_auto_way *wb_auto_way(size_t i);
/* Is it a jump with this version of systemd? 0: the version is not known, and only what all versions do counts. */
bool wb_auto_way_jumps(const struct wb_auto_way *way, unsigned version);
