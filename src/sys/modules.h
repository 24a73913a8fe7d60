/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading kernel modules. */
#pragma once

#include "core/files.h"
#include "core/strv.h"
#include "sys/runner.h"

/* Load these, of which those that are loaded, built in or missing are skipped, by one modprobe(8). */
void wb_modules_load(
	const struct wb_files *files, const struct wb_runner *runner, const struct wb_strv *names);
