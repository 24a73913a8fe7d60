/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a bound Unix socket: where it is by now, and by which name CRIU can make it again. */
#pragma once

#include <stdbool.h>

struct wb_proc;
struct wb_socket;

/*
 * Set `file`, `now`, `owner` and `elsewhere` of a bound socket. fd: a duplicate of the socket. p: a process that sees
 * the whole mount namespace; NULL: there is none. may_walk: as in struct wb_sockets. A socket whose
 * file or name is not understood is `elsewhere`. -ENOMEM.
 */
int wb_bound_find_file(const struct wb_proc *p, int fd, bool may_walk, struct wb_socket *s);
