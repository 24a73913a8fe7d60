/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent in a guest, which sets the guest's wall clock: the guest has stood still. */
#pragma once

#include "qemu/cmdline.h"
#include "qemu/qmp.h"
#include "sys/sys.h"

/*
 * Let the agent set the guest's clock to the machine's. `q`: QEMU itself, process `pid`. 0: it is set, or the guest has no
 * channel for an agent, or nobody has opened it there. Errors have a sentence; the guest runs in any case.
 */
int wb_guest_set_time(struct wb_qmp *q, pid_t pid, const struct wb_qemu_args *args,
	const struct wb_sys *sys, struct wb_error *err);
