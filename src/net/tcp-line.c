// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parsing one line of the kernel's tables of sockets. */
#include <string.h>

#include "net/tcp-line.h"

/* Parse a pair such as "1F90:2BCB". */
static bool take_pair(struct wb_span word, struct wb_span *ret_first, struct wb_span *ret_second)
{
	const char *colon = memchr(word.s, ':', word.n);

	if (!colon)
		return false;
	*ret_first = (struct wb_span){word.s, (size_t)(colon - word.s)};
	*ret_second = (struct wb_span){colon + 1, word.n - ret_first->n - 1};
	return true;
}

static bool take_unsigned(struct wb_span word, uint64_t most, unsigned *ret)
{
	uint64_t v;

	if (!wb_span_number(word, 16, &v) || v > most)
		return false;
	*ret = (unsigned)v;
	return true;
}

bool wb_tcp_line_parse(struct wb_span line, struct wb_tcp_line *ret)
{
	enum { NUMBER, LOCAL, REMOTE, STATE, QUEUES, TIMER, RETRANSMITS, UID, TIMEOUT, INODE, N };
	struct wb_span word[N], port, queue, more;
	struct wb_tcp_line l;
	uint64_t inode;

	if (!wb_take_words(&line, word, N) || !take_pair(word[LOCAL], &l.local, &port) ||
		!take_unsigned(port, UINT16_MAX, &l.local_port) ||
		!take_pair(word[REMOTE], &l.remote, &port) ||
		!take_unsigned(port, UINT16_MAX, &l.remote_port) ||
		!take_unsigned(word[STATE], UINT8_MAX, &l.state) ||
		!take_pair(word[QUEUES], &queue, &more) ||
		!take_unsigned(queue, UINT32_MAX, &l.sending) ||
		!take_unsigned(more, UINT32_MAX, &l.waiting) ||
		!wb_span_number(word[INODE], 10, &inode) || inode > INT64_MAX)
		return false;
	l.inode = (int64_t)inode;
	*ret = l;
	return true;
}
