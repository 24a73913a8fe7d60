/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Putting another open file in the place of one that a running process has: its descriptors are its
 * own, so that the process itself must be made to do it (ptrace(2)).
 */
#pragma once

#include <stdint.h>

#include "core/error.h"

/*
 * In process `pid`, every descriptor of the stream socket with the inode `inode` becomes `fd` (of the
 * caller); `peer` is the caller's end of that socket, by which the file is passed. The process is
 * stopped for about a millisecond; a system call that it waits in goes on. Returns how many
 * descriptors were replaced, 0 none there. -ESRCH it has ended; -EOPNOTSUPP not on this machine, or
 * the process is of another architecture; -EPERM, -EIO.
 */
int wb_swap_fds(int64_t pid, int64_t inode, int peer, int fd, struct wb_error *err);
