/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replacing an open file of a running process. The descriptors belong to that process, so it must
 * make the system calls itself (ptrace(2)).
 */
#pragma once

#include <stdint.h>

#include "core/error.h"

/*
 * In process `pid`, replace every descriptor of the stream socket with the inode `inode` by `fd`
 * (of the caller). `peer` is the caller's end of that socket, through which the file is passed. All
 * threads are stopped for some milliseconds; a system call in which one waits goes on. Returns the
 * number of descriptors replaced, 0 none. -ESRCH the process has ended; -EOPNOTSUPP not on this
 * machine, or the process is of another architecture; -ETIME a thread cannot be stopped; -EPERM,
 * -EIO, -ENOMEM.
 */
int wb_swap_fds(int64_t pid, int64_t inode, int peer, int fd, struct wb_error *err);
