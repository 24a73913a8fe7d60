/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Having another process make system calls: what of it depends on the machine. The process is stopped
 * under ptrace(2) by the caller, with its signals blocked. Negative errno; -EOPNOTSUPP: not known for
 * this machine, or the process is of another kind (32-bit).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wb_inject {
	pid_t pid;
	uint64_t insn; /* address of an instruction in it that makes a system call */
	_Alignas(16) unsigned char regs[512]; /* as it was stopped */
};

/* Remember where it is. */
int wb_inject_begin(pid_t pid, struct wb_inject *ret);
/* Where in it `size` bytes may be written to: stack that no frame of it uses. */
uint64_t wb_inject_scratch(const struct wb_inject *t, size_t size);
/* Set it up for one call; the caller lets it run to the call's end, then asks for the result. */
int wb_inject_call(const struct wb_inject *t, long number, uint64_t a, uint64_t b, uint64_t c);
int wb_inject_result(const struct wb_inject *t, long *ret);
/*
 * As it was. The kernel looks for an interrupted system call only where a signal is at hand, so it is
 * set up here to be made again.
 */
int wb_inject_end(const struct wb_inject *t);
