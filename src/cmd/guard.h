/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undoing for a program that was killed (SIGKILL, the kernel's want of memory) and could not itself. */
#pragma once

struct cmd_guard {
	int fd; /* negative: there is none */
	int pid;
};

/* From now on, if this process ends in any way without cmd_guard_end(), undo(arg) is called in another. */
struct cmd_guard cmd_guard_begin(void (*undo)(void *arg), void *arg);
void cmd_guard_end(struct cmd_guard *guard);
