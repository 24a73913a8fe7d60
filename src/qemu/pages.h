/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Huge pages of a guest whose memory goes through the store: a QEMU that is started again needs as many. */
#pragma once

#include "core/files.h"
#include "qemu/image.h"
#include "sys/runner.h"

/*
 * The huge pages that a process has mapped, by /proc/PID/smaps, as far as they are no more than `most`, the bytes of its
 * guest. -ENOMEM; what cannot be read says nothing.
 */
int wb_guest_huge_find(const struct wb_files *files, pid_t pid, uint64_t most, wb_vm_huge *ret);
/* Add what one guest needs to what others do. -ENOMEM. */
int wb_guest_huge_add(const wb_vm_huge *one, wb_vm_huge *all);
/*
 * Let the kernel have at least so many in all. They are taken early in the boot, when nothing else has any. -ENOMEM
 * with a sentence: there are fewer.
 */
int wb_guest_huge_provide(const struct wb_files *files, const struct wb_runner *runner,
	const wb_vm_huge *all, struct wb_error *err);
