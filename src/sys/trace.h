/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping all threads of a process (ptrace(2)), and making one of them do system calls. The
 * process is not trusted: it may have rewritten any of its pages, and others may stop, signal or
 * kill it at any moment. All of it belongs to the thread that calls wb_trace_stop(): when that
 * thread ends, the kernel releases everything that is still held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch/inject.h"

struct wb_trace {
	pid_t pid;
	pid_t *tids;
	size_t n;
};

/*
 * Stop every thread, until no new one appears. A process that a signal has stopped works as well,
 * and is stopped by that signal again afterwards. -ESRCH it has ended; -ETIME a thread does not
 * stop (vfork(2)); -EPERM another program traces it; -ENOMEM. wb_trace_end() is needed after a
 * failure, too.
 */
int wb_trace_stop(struct wb_trace *t, pid_t pid);
void wb_trace_end(struct wb_trace *t);

/* A stopped thread that makes calls. */
struct wb_hand {
	struct wb_inject inject;
	struct wb_trace *trace;
	pid_t tid;
	uint64_t mask; /* of blocked signals */
	bool masked, begun;
	bool lost; /* it is within a call that does not end */
};

/*
 * -EAGAIN: its registers must not be changed at this point (rseq(2)). wb_hand_end() is needed after
 * a failure, too.
 */
int wb_hand_begin(struct wb_hand *h, struct wb_trace *t, pid_t tid);
/*
 * Make one system call; its result, or negative errno, goes to *ret. A call that does not end is
 * interrupted. -EPERM the thread came to another call than this one, which is then not made; -EIO
 * it came to none; -ETIME the call does not end in spite of that; -ESRCH.
 */
int wb_hand_call(struct wb_hand *h, long number, const uint64_t args[6], long *ret);
/*
 * Restore the thread and its registers. They are restored only after the call has ended. A thread
 * for which that fails is never released, and its process is killed when the caller's thread ends.
 */
int wb_hand_end(struct wb_hand *h);
