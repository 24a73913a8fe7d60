// SPDX-License-Identifier: LGPL-2.1-or-later
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

/* include/linux/errno.h: what a system call that a signal interrupts leaves in its result. */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516
/* The code segment of 64-bit user space, arch/x86/include/asm/segment.h. */
#define USER64_CS 0x33
#define RED_ZONE 128

_Static_assert(sizeof(struct user_regs_struct) <= sizeof(((struct wb_inject *)0)->regs), "fits");

static struct user_regs_struct saved(const struct wb_inject *t)
{
	struct user_regs_struct regs;

	memcpy(&regs, t->regs, sizeof(regs));
	return regs;
}

/* Every process has one in the page that the kernel maps into it (vdso(7)). */
static int find_insn(struct wb_inject *t)
{
	char path[64], line[256];
	unsigned char code[16384];
	unsigned long start = 0, end = 0;
	struct iovec local, remote;
	const unsigned char *at;
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", t->pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (!end && fgets(line, sizeof(line), f))
		if (strstr(line, "[vdso]") && sscanf(line, "%lx-%lx", &start, &end) != 2)
			end = 0;
	fclose(f);
	if (end <= start)
		return -EOPNOTSUPP;
	local = (struct iovec){code, end - start < sizeof(code) ? end - start : sizeof(code)};
	remote = (struct iovec){(void *)start, local.iov_len};
	n = process_vm_readv(t->pid, &local, 1, &remote, 1, 0);
	at = n > 0 ? memmem(code, (size_t)n, "\x0f\x05", 2) : NULL;
	if (!at)
		return n < 0 ? -errno : -EOPNOTSUPP;
	t->insn = start + (uint64_t)(at - code);
	return 0;
}

int wb_inject_begin(pid_t pid, struct wb_inject *t)
{
	struct user_regs_struct regs;

	t->pid = pid;
	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0)
		return -errno;
	memcpy(t->regs, &regs, sizeof(regs));
	return regs.cs == USER64_CS ? find_insn(t) : -EOPNOTSUPP;
}

uint64_t wb_inject_scratch(const struct wb_inject *t, size_t size)
{
	return (saved(t).rsp - RED_ZONE - size) & ~63ull;
}

int wb_inject_call(const struct wb_inject *t, long number, uint64_t a, uint64_t b, uint64_t c)
{
	struct user_regs_struct regs = saved(t);

	regs.rip = t->insn;
	regs.rax = (unsigned long)number;
	regs.orig_rax = (unsigned long)-1;
	regs.rdi = a;
	regs.rsi = b;
	regs.rdx = c;
	return ptrace(PTRACE_SETREGS, t->pid, 0, &regs) < 0 ? -errno : 0;
}

int wb_inject_result(const struct wb_inject *t, long *ret)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, t->pid, 0, &regs) < 0)
		return -errno;
	*ret = (long)regs.rax;
	return 0;
}

/* As arch_do_signal_or_restart() does, arch/x86/kernel/signal.c. */
int wb_inject_end(const struct wb_inject *t)
{
	struct user_regs_struct regs = saved(t);
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
	return ptrace(PTRACE_SETREGS, t->pid, 0, &regs) < 0 ? -errno : 0;
}
