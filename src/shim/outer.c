// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A part of the library that is loaded before CRIU's own. A unit with PrivateNetwork= has its output open, which systemd
 * has made in the machine's network namespace. CRIU lists the sockets of the namespace that it runs in, and fails at a
 * Unix socket that is not in its list (criu/sk-unix.c, dump_one_unix_fd()). So its question about Unix sockets is asked
 * in both namespaces, and the answers become one. The parent has opened the socket to ask there (WB_HOOK_OUTER).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/hook.h"
#include "shim/shim.h"

static struct {
	int fd;    /* CRIU's socket whose answer is not complete; -1: none */
	int outer; /* the one that asks in the machine's namespace */
	int there; /* the rest of the answer comes from there */
	size_t n;
	char question[WB_SHIM_LONGEST];
} asked = {.fd = -1};

int wb_shim_is_unix_question(const void *message, size_t size)
{
	struct nlmsghdr head;
	unsigned char family;

	if (size <= sizeof(head) || size > WB_SHIM_LONGEST)
		return 0;
	memcpy(&head, message, sizeof(head));
	family = ((const unsigned char *)message)[sizeof(head)];
	return head.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	       (head.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && family == AF_UNIX;
}

void wb_shim_asked(int fd, const void *message, size_t size)
{
	const char *outer = wb_shim_is_criu() ? getenv(WB_HOOK_OUTER) : NULL;

	if (!outer || !wb_shim_is_unix_question(message, size))
		return;
	asked.fd = fd;
	asked.outer = atoi(outer);
	asked.there = 0;
	asked.n = size;
	memcpy(asked.question, message, size);
}

/* An answer that ends with an error stays as it is. */
int wb_shim_find_end(const void *answer, size_t size, size_t *ret_before)
{
	const char *p = answer;
	size_t at = 0;

	while (size - at >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr head;
		int error = 0;

		memcpy(&head, p + at, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > size - at)
			return 0;
		if (head.nlmsg_type == NLMSG_DONE) {
			if (head.nlmsg_len >= sizeof(head) + sizeof(error))
				memcpy(&error, p + at + sizeof(head), sizeof(error));
			*ret_before = at;
			return error >= 0;
		}
		if (NLMSG_ALIGN(head.nlmsg_len) >= size - at)
			return 0;
		at += NLMSG_ALIGN(head.nlmsg_len);
	}
	return 0;
}

ssize_t wb_shim_receive(int fd, struct msghdr *message, int flags)
{
	while (fd >= 0 && fd == asked.fd && message->msg_iovlen == 1) {
		long r = syscall(SYS_recvmsg, asked.there ? asked.outer : fd, message, flags);
		size_t before;

		if (r <= 0 || !wb_shim_find_end(message->msg_iov->iov_base, (size_t)r, &before))
			return r;
		if (asked.there) {
			asked.fd = -1;
			return r;
		}
		if (syscall(SYS_sendto, asked.outer, asked.question, asked.n, 0, NULL, 0) < 0)
			return -1;
		asked.there = 1;
		if (before)
			return (ssize_t)before;
	}
	return syscall(SYS_recvmsg, fd, message, flags);
}
