/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line of /proc/net/{tcp,tcp6,udp,udp6,raw,raw6}. */
#pragma once

#include "core/text.h"

struct wb_tcp_line {
	struct wb_span local, remote; /* hexadecimal; each word is in the machine's byte order */
	unsigned local_port, remote_port;
	unsigned state;
	unsigned sending, waiting; /* bytes not acknowledged; bytes or connections not taken yet */
	int64_t inode;             /* 0: no process has it */
};

/*
 * Parse a line as in proc_pid_net_tcp(5). False: it is the line of titles, or something else. Pure.
 */
bool wb_tcp_line_parse(struct wb_span line, struct wb_tcp_line *ret);
