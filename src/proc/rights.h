/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rights of a process, which are those of all its threads, since each thread has its own: proc_pid_status(5). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/files.h"

/* The rights of all threads together. A right that this kernel does not show counts as held. */
struct wb_rights {
	/* Capabilities that at least one thread has, as bits of linux/capability.h. */
	/* Permitted, effective or ambient; inheritable unless the thread has no_new_privs. */
	uint64_t held;
	uint64_t
		bounding; /* an execve(2) may gain them: the bounding sets of threads without no_new_privs */
	uint64_t limited; /* like `held`, but only of threads that are not root */
	bool root;        /* a thread has uid 0: real, effective, saved or of the file system */
};

/*
 * Read the rights of all threads; if they cannot be listed, those of the process's main thread. -ESRCH: the
 * process is gone. -EBADMSG, -ENOMEM. No sentence.
 */
int wb_rights_read(const struct wb_files *files, int64_t pid, struct wb_rights *ret);
/* Add the rights of one thread, from the text of its status. -EBADMSG: the text is not understood. */
int wb_rights_add(const char *status, struct wb_rights *rights);
