/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words of a QEMU that runs against those of its unit. A process can write over its own words (/proc/PID/cmdline), and
 * QEMU may have given up rights that its unit has (-run-with user=, -sandbox). Since systemd starts QEMU once more with
 * its words, they are used only if systemd knows the same ones. Pure.
 */
#pragma once

#include "core/error.h"
#include "core/strv.h"

/*
 * `program`, `argv`: of the process; `command`: as in struct wb_service; `memory`: where an earlier jump has put its memory.
 * 0: they are the same, but for what an earlier jump has changed. -EPERM with a sentence: they are not, or this cannot be
 * told. -ENOMEM.
 */
int wb_qemu_words_check(const char *program, const struct wb_strv *argv,
	const struct wb_strv *command, const char *memory, struct wb_error *err);
