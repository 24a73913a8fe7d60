// SPDX-License-Identifier: LGPL-2.1-or-later
/* Stopping all threads of a process, and making one of them do a system call. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "sys/trace.h"

#define STOP_SECONDS 2
/* Time for a call before it is interrupted, and again after that. */
#define CALL_SECONDS 2
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP)

/* include/uapi/linux/ptrace.h; the C library of Debian 12 has it, older ones do not. */
#define GET_RSEQ_CONFIGURATION 0x420f
struct rseq_configuration {
	uint64_t pointer;
	uint32_t size, signature, flags, pad;
};
/* include/uapi/linux/rseq.h: struct rseq and struct rseq_cs. */
#define RSEQ_CS_OFFSET 8
struct rseq_cs {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t in_seconds(int seconds)
{
	return now_ns() + seconds * 1000000000ll;
}

/*
 * Wait for the next stop of a thread. The status, -ESRCH it has ended, -ETIME the time is over, or
 * a negative errno.
 */
static int wait_stop(pid_t tid, int64_t end)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000};
	int status;

	for (;;) {
		pid_t got = waitpid(tid, &status, __WALL | WNOHANG);

		if (got < 0 && errno != EINTR)
			return errno == ECHILD ? -ESRCH : -errno;
		if (got == tid)
			return WIFSTOPPED(status) ? status : -ESRCH;
		if (now_ns() >= end)
			return -ETIME;
		nanosleep(&pause, NULL);
	}
}

/*
 * A request to a thread. The kernel answers the same for a thread that is not stopped and for one
 * that has ended.
 */
static int ask(int request, pid_t tid, long data)
{
	return ptrace(request, tid, 0, data) < 0 ? -errno : 0;
}

/* ---- all threads ---- */

static bool is_known(const struct wb_trace *t, pid_t tid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->tids[i] == tid)
			return true;
	return false;
}

/*
 * A thread that has ended stays listed until it is waited for; the first thread until all have
 * ended.
 */
static bool has_ended(pid_t pid, pid_t tid)
{
	char path[64], line[256], state = 'X';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "State: %c", &state) == 1)
			break;
	if (f)
		fclose(f);
	return strchr("ZXx", state);
}

/* Seize a thread. 1 it is being stopped, 0 it has ended. */
static int seize(pid_t pid, pid_t tid)
{
	/*
	 * The thread's own seccomp filter must not apply to calls made for warmboot. Without the
	 * right to suspend it, it does.
	 */
	if (ptrace(PTRACE_SEIZE, tid, 0, OPTIONS) < 0 &&
		ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) < 0) {
		int r = -errno;

		return r == -ESRCH || has_ended(pid, tid) ? 0 : r;
	}
	return ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0 ? 0 : 1;
}

/* Seize new threads, and return their number. */
static int seize_new(struct wb_trace *t)
{
	char path[64];
	int found = 0, r = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)t->pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	for (struct dirent *e; r >= 0 && (e = readdir(d));) {
		pid_t tid = (pid_t)atoi(e->d_name), *more;

		if (tid <= 0 || is_known(t, tid))
			continue;
		more = realloc(t->tids, (t->n + 1) * sizeof(*more));
		if (!more) {
			r = -ENOMEM;
			break;
		}
		t->tids = more;
		r = seize(t->pid, tid);
		if (r > 0) {
			t->tids[t->n++] = tid;
			found++;
		}
	}
	closedir(d);
	return r < 0 ? r : found;
}

/*
 * Wait until a thread stops because of the seizure, or of a signal for the whole process. Other
 * signals are delivered.
 */
static int await_stop(pid_t tid, int64_t end)
{
	for (;;) {
		int status = wait_stop(tid, end);

		if (status < 0)
			return status;
		if (status >> 16 == PTRACE_EVENT_STOP)
			return 0;
		if (ask(PTRACE_CONT, tid, WSTOPSIG(status)) < 0)
			return -ESRCH;
	}
}

int wb_trace_stop(struct wb_trace *t, pid_t pid)
{
	int64_t end = in_seconds(STOP_SECONDS);
	int r = 1;

	*t = (struct wb_trace){.pid = pid};
	/*
	 * clone(2) lists a new thread before it returns, so after a round without new threads there
	 * are none.
	 */
	while (r > 0) {
		size_t from = t->n;

		r = seize_new(t);
		for (size_t i = from; r > 0 && i < t->n;) {
			int s = await_stop(t->tids[i], end);

			if (s == -ESRCH)
				t->tids[i] = t->tids[--t->n];
			else if (s < 0)
				r = s;
			else
				i++;
		}
		if (r > 0 && now_ns() >= end)
			r = -ETIME;
	}
	return r == 0 && !t->n ? -ESRCH : r;
}

void wb_trace_end(struct wb_trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		ask(PTRACE_DETACH, t->tids[i], 0);
	free(t->tids);
	*t = (struct wb_trace){};
}

/* ---- one of them ---- */

static int read_at(pid_t tid, uint64_t at, void *to, size_t n)
{
	struct iovec local = {to, n}, remote = {(void *)at, n};

	return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

/*
 * Is the thread between the beginning and the commit of a restartable sequence? If the instruction
 * pointer were moved out of it and back, the sequence would go on as if it had not been interrupted
 * (kernel/rseq.c, clear_rseq_cs()).
 */
static bool in_sequence(pid_t tid)
{
	struct rseq_configuration c = {};
	struct __ptrace_syscall_info info = {};
	struct rseq_cs cs = {};
	uint64_t at = 0;

	if (ptrace(GET_RSEQ_CONFIGURATION, tid, sizeof(c), &c) < 0 || !c.pointer ||
		read_at(tid, c.pointer + RSEQ_CS_OFFSET, &at, sizeof(at)) < 0 || !at ||
		read_at(tid, at, &cs, sizeof(cs)) < 0 ||
		ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0)
		return false;
	return info.instruction_pointer - cs.start < cs.length;
}

int wb_hand_begin(struct wb_hand *h, struct wb_trace *t, pid_t tid)
{
	const uint64_t all = ~0ull;
	int r;

	*h = (struct wb_hand){.trace = t, .tid = tid};
	if (in_sequence(tid))
		return -EAGAIN;
	if (ptrace(PTRACE_GETSIGMASK, tid, sizeof(h->mask), &h->mask) < 0 ||
		ptrace(PTRACE_SETSIGMASK, tid, sizeof(all), &all) < 0)
		return -errno;
	h->masked = true;
	r = wb_inject_begin(tid, &h->inject);
	h->begun = r == 0;
	/* From here on the thread must not run without this process. */
	if (r == 0)
		r = ask(PTRACE_SETOPTIONS, tid, OPTIONS | PTRACE_O_EXITKILL);
	/* Without the right to suspend its seccomp filter. */
	if (r == -EPERM || r == -EINVAL)
		r = ask(PTRACE_SETOPTIONS, tid, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	return r;
}

/* Run until the thread enters or leaves a system call. -EIO it stops for another reason. */
static int run_to_boundary(struct wb_hand *h)
{
	int64_t end = in_seconds(CALL_SECONDS);
	bool interrupted = false;
	long pass = 0;

	for (;;) {
		int status;

		if (ask(PTRACE_SYSCALL, h->tid, pass) < 0)
			return -ESRCH;
		status = wait_stop(h->tid, end);
		if (status == -ETIME && !interrupted) {
			interrupted = true;
			end = in_seconds(CALL_SECONDS);
			ask(PTRACE_INTERRUPT, h->tid, 0);
			status = wait_stop(h->tid, end);
		}
		if (status < 0)
			return status;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 0;
		if (status >> 16 == PTRACE_EVENT_STOP) {
			/* PTRACE_INTERRUPT found it outside of any call. */
			if (interrupted)
				return -EIO;
			/* A stop of the whole process: this thread goes on, to make the call. */
			pass = 0;
			continue;
		}
		/*
		 * SIGSTOP is the only signal that cannot be blocked and does not kill. Others are
		 * faults of the thread.
		 */
		if (status >> 16 || WSTOPSIG(status) != SIGSTOP)
			return -EIO;
		pass = SIGSTOP;
	}
}

static bool is_entry(pid_t tid, long number, const uint64_t args[6])
{
	struct __ptrace_syscall_info info = {};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != (uint64_t)number)
		return false;
	for (int i = 0; i < 6; i++)
		if (info.entry.args[i] != args[i])
			return false;
	return true;
}

/* Run from the entry of a call to its end, made or not. */
static int leave(struct wb_hand *h, long *ret)
{
	struct __ptrace_syscall_info info = {};
	int r = run_to_boundary(h);

	if (r == 0 && ptrace(PTRACE_GET_SYSCALL_INFO, h->tid, sizeof(info), &info) < 0)
		r = -errno;
	if (r == 0 && info.op != PTRACE_SYSCALL_INFO_EXIT)
		r = -EIO;
	if (r == 0)
		*ret = (long)info.exit.rval;
	h->lost |= r < 0;
	return r;
}

int wb_hand_call(struct wb_hand *h, long number, const uint64_t args[6], long *ret)
{
	long ignored;
	int r;

	if (h->lost)
		return -ETIME;
	r = wb_inject_call(&h->inject, number, args);
	if (r < 0)
		return r;
	r = run_to_boundary(h);
	if (r < 0) {
		/* The thread runs on, or had a fault, where it should have made the call. */
		h->lost = r == -ETIME;
		return r;
	}
	if (is_entry(h->tid, number, args))
		return leave(h, ret);
	/*
	 * The process has changed the page with the instruction: the call that it makes there is
	 * skipped.
	 */
	r = wb_inject_skip(&h->inject);
	if (r == 0)
		r = leave(h, &ignored);
	h->lost |= r < 0;
	return r < 0 ? r : -EPERM;
}

int wb_hand_end(struct wb_hand *h)
{
	int r = h->lost ? -ETIME : 0;

	if (r == 0 && h->begun)
		r = wb_inject_end(&h->inject);
	if (r == 0 && h->masked && ptrace(PTRACE_SETSIGMASK, h->tid, sizeof(h->mask), &h->mask) < 0)
		r = -errno;
	/* Only a thread in its old state may live without this process. */
	if (r == 0 && h->begun) {
		r = ask(PTRACE_SETOPTIONS, h->tid, OPTIONS);
		if (r == -EPERM || r == -EINVAL)
			r = ask(PTRACE_SETOPTIONS, h->tid, PTRACE_O_TRACESYSGOOD);
	}
	for (size_t i = 0; r < 0 && i < h->trace->n; i++)
		if (h->trace->tids[i] == h->tid)
			h->trace->tids[i] = h->trace->tids[--h->trace->n];
	return r;
}
