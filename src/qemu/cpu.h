/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPU that a guest sees. QEMU makes it of its model, of the machine type, and, with KVM, of what the kernel and the
 * host's CPU can do; a guest that runs already cannot be given another one.
 */
#pragma once

#include "core/strv.h"
#include "qemu/qmp.h"

/* A CPU has some hundred words. */
#define WB_QEMU_CPU_WORDS 4096

/*
 * Ask QEMU for the first CPU, as sorted words: "avx2", "family=6", "cpuid 0x7.0 ebx=0x…", and "no pcid" for what the model
 * has and this host does not. -EOPNOTSUPP with a sentence: QEMU cannot tell; other errors of wb_qmp_call().
 */
int wb_qemu_cpu_ask(struct wb_qmp *q, struct wb_strv *ret, struct wb_error *err);
/* Are they the same? -EXDEV with a sentence that names the first differences. */
int wb_qemu_cpu_compare(
	const struct wb_strv *before, const struct wb_strv *now, struct wb_error *err);
