/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds mounts that cover the machine's programs and libraries in a unit's mount namespace. CRIU runs in that
 * namespace as root, and it must not load files that the service may be able to write to, for example
 * because of BindPaths=.
 */
#pragma once

#include "core/mountinfo.h"

/*
 * The first mount point in `unit`, among the places that a program is loaded from, with other files than
 * `machine` has there; NULL: there is none. An empty place (InaccessiblePaths=) does not count. *ret is borrowed
 * from `unit`. Pure. -ENOMEM.
 */
int wb_covers_find(const struct wb_mounts *unit, const struct wb_mounts *machine, const char **ret);
