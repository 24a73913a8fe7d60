// SPDX-License-Identifier: LGPL-2.1-or-later
/* Making a thread of another process do system calls, on x86-64. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#include "arch/inject.h"

/* A system call that a signal interrupts leaves this in its result (include/linux/errno.h). */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516
/* The code segment of 64-bit user space, arch/x86/include/asm/segment.h. */
#define USER64_CS 0x33

_Static_assert(sizeof(struct user_regs_struct) <= sizeof(((struct wb_inject *)0)->regs), "fits");

static struct user_regs_struct saved(const struct wb_inject *t)
{
	struct user_regs_struct regs;

	memcpy(&regs, t->regs, sizeof(regs));
	return regs;
}

/*
 * Find an instruction that makes a system call, in the page that the kernel maps into every process
 * (vdso(7)).
 */
static int find_insn(struct wb_inject *t)
{
	char path[64], line[256];
	unsigned char code[16384];
	unsigned long start = 0, end = 0, inode;
	unsigned major, minor;
	struct iovec local, remote;
	const unsigned char *at;
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", t->tid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	/* A file can have the same name; the kernel's mapping has neither device nor inode. */
	while (!end && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %*s %x:%x %lu", &start, &end, &major, &minor,
			    &inode) != 5 ||
			major || minor || inode || !strstr(line, " [vdso]\n"))
			end = 0;
	fclose(f);
	if (end <= start)
		return -EOPNOTSUPP;
	local = (struct iovec){code, end - start < sizeof(code) ? end - start : sizeof(code)};
	remote = (struct iovec){(void *)start, local.iov_len};
	n = process_vm_readv(t->tid, &local, 1, &remote, 1, 0);
	at = n > 0 ? memmem(code, (size_t)n, "\x0f\x05", 2) : NULL;
	if (!at)
		return n < 0 ? -errno : -EOPNOTSUPP;
	t->insn = start + (uint64_t)(at - code);
	return 0;
}

int wb_inject_begin(pid_t tid, struct wb_inject *ret)
{
	struct wb_inject t = {.tid = tid};
	struct user_regs_struct regs;
	int r;

	if (ptrace(PTRACE_GETREGS, tid, 0, &regs) < 0)
		return -errno;
	memcpy(t.regs, &regs, sizeof(regs));
	r = regs.cs == USER64_CS ? find_insn(&t) : -EOPNOTSUPP;
	if (r == 0)
		*ret = t;
	return r;
}

int wb_inject_call(const struct wb_inject *t, long number, const uint64_t args[6])
{
	struct user_regs_struct regs = saved(t);

	regs.rip = t->insn;
	regs.rax = (unsigned long)number;
	regs.orig_rax = (unsigned long)-1;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
	regs.r9 = args[5];
	return ptrace(PTRACE_SETREGS, t->tid, 0, &regs) < 0 ? -errno : 0;
}

/* No call has the number -1 (syscall_trace_enter() in kernel/entry/common.c). */
int wb_inject_skip(const struct wb_inject *t)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, t->tid, 0, &regs) < 0)
		return -errno;
	regs.orig_rax = (unsigned long)-1;
	return ptrace(PTRACE_SETREGS, t->tid, 0, &regs) < 0 ? -errno : 0;
}

/* Restart an interrupted call as arch_do_signal_or_restart() does (arch/x86/kernel/signal.c). */
int wb_inject_end(const struct wb_inject *t)
{
	struct user_regs_struct regs = saved(t), now;
	long result = (long)regs.rax;
	bool interrupted = (long)regs.orig_rax >= 0;

	if (interrupted && (result == -ERESTARTSYS || result == -ERESTARTNOINTR ||
				   result == -ERESTARTNOHAND)) {
		regs.rax = regs.orig_rax;
		regs.rip -= 2;
	} else if (interrupted && result == -ERESTART_RESTARTBLOCK) {
		regs.rax = SYS_restart_syscall;
		regs.rip -= 2;
	}
	regs.orig_rax = (unsigned long)-1;
	if (ptrace(PTRACE_SETREGS, t->tid, 0, &regs) < 0 ||
		ptrace(PTRACE_GETREGS, t->tid, 0, &now) < 0)
		return -errno;
	return memcmp(&now, &regs, sizeof(regs)) ? -EIO : 0;
}
