/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A virtual machine in the boot after a jump; rows of keep/ways.h. */
#pragma once

#include "keep/thaw.h"

/* Before systemd starts QEMU: its modules, and its memory as a device that its user can open. */
int wb_vm_prepare(const struct wb_thaw *t, const struct wb_runner *runner, struct wb_error *err);
/* QEMU runs and waits: give it the state, if that belongs to its memory and CPU. */
int wb_vm_thaw(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err);
/*
 * The unit's QEMU has ended in this boot, whether it was restored or not: zero the memory in which its guest came over, and
 * give it back. 0: done, or there is none, or a jump takes it along.
 */
int wb_vm_forget(const struct wb_sys *sys, const char *unit, struct wb_error *err);
