/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A child process that undoes a change if this process is killed (SIGKILL, out of memory). */
#pragma once

struct wb_guard {
	int fd; /* negative: there is no child */
	int pid;
};

/* Start a child that calls undo(arg) if this process ends in any way without wb_guard_end(). */
struct wb_guard wb_guard_begin(void (*undo)(void *arg), void *arg);
void wb_guard_end(struct wb_guard *guard);
