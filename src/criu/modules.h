/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which modules CRIU needs, and which of them a kernel lacks. */
#pragma once

#include "core/files.h"
#include "sys/runner.h"

/*
 * Load what a dump needs, before it: the kernel would do so in the middle of it, and tell a kept program that hears of
 * devices (NETLINK_KOBJECT_UEVENT).
 */
void wb_criu_load_modules(const struct wb_files *files, const struct wb_runner *runner);

/*
 * Modules that the kernel `release` lacks. false: its modules are not where they should be, so it is not known.
 */
bool wb_criu_lacks_modules(const struct wb_files *files, const char *release, struct wb_strv *ret);
/*
 * Modules that CRIU needs and a kernel's tree has neither as files nor built in, from the texts of
 * its modules.dep and modules.builtin. Pure. -ENOMEM.
 */
int wb_criu_missing_modules(struct wb_bytes dep, struct wb_bytes builtin, struct wb_strv *ret);
