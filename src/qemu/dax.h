/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the boot after a jump: a DAX device of a guest's memory, in the guest's order. */
#pragma once

#include "core/error.h"
#include "qemu/ram.h"
#include "sys/runner.h"

/*
 * Make the device of these pieces of memory and bind it to its driver. *ret is its path, "/dev/dax0.0", to be freed. -ENODEV: no
 * region of memory has them; others with a sentence. On failure no device is left.
 */
int wb_guest_dax_make(const struct wb_runner *runner, const wb_guest_runs *runs, uint64_t size,
	char **ret, struct wb_error *err);
/*
 * The guest is gone: nobody but root can open the device "/dev/dax0.0" any more, its memory is zeroed, and it is given back
 * to its region. Processes that still have it mapped lose it. -EINVAL: it is no such device.
 */
int wb_guest_dax_forget(const char *device, struct wb_error *err);
