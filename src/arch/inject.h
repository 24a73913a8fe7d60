/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a thread of another process do system calls: the part that depends on the machine. The
 * caller stops the thread with ptrace(2) (sys/trace.h) and blocks its signals. Nothing in the
 * process is changed but the thread's registers. Negative errno; -EOPNOTSUPP: not known for this
 * machine, or the process is of another kind (32-bit).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wb_inject {
	pid_t tid;
	uint64_t insn; /* address of an instruction in it that makes a system call */
	_Alignas(16) unsigned char regs[512]; /* registers at the stop */
};

/* Save the thread's registers. */
int wb_inject_begin(pid_t tid, struct wb_inject *ret);
/* Set it up for one call; the caller lets it run to the call's entry and exit. */
int wb_inject_call(const struct wb_inject *t, long number, const uint64_t args[6]);
/* At the entry of a call: skip the call. */
int wb_inject_skip(const struct wb_inject *t);
/*
 * Restore the registers, and read them again; -EIO when they differ. Only outside of a call. The
 * kernel restarts an interrupted system call only together with a signal, so this prepares the
 * restart itself.
 */
int wb_inject_end(const struct wb_inject *t);
