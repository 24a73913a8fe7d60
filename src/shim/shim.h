/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of shim.c that decide, without any system call. The shim exports them for its unit test. */
#pragma once

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* CRIU sets at most four options of a connection at once. */
#define WB_SHIM_OPTIONS 16
/*
 * The options with a window scale of 0 behind them, in ret[n + 1]: their number. 0: they have a window scale.
 */
size_t wb_shim_add_window(const struct tcp_repair_opt *given, size_t n, struct tcp_repair_opt *ret);

/* A question of sock_diag(7) about sockets of IPv4 or IPv6. CRIU's is as long as its longest question. */
struct wb_shim_question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 ask;
};
#define WB_SHIM_LONGEST 256
/* 1: the message asks for UDP-Lite, and *ret asks for UDP in no state. 0: it is something else. */
int wb_shim_ask_udp(const void *message, size_t size, struct wb_shim_question *ret);

/* Does the message ask sock_diag(7) for all Unix sockets? */
int wb_shim_is_unix_question(const void *message, size_t size);
/* CRIU sends this on a netlink socket; wb_shim_receive(), which is recvmsg(2) otherwise, then adds the machine's Unix sockets to the answer (outer.c). */
void wb_shim_asked(int fd, const void *message, size_t size);
ssize_t wb_shim_receive(int fd, struct msghdr *message, int flags);
/* 1: the answer ends here without an error, after so many bytes of messages. 0: it goes on, or has failed. */
int wb_shim_find_end(const void *answer, size_t size, size_t *ret_before);

/* A line of the table of second names (WB_HOOK_NAMES): where it is in the table, and how long. */
struct wb_shim_name {
	const char *now;
	size_t n;
	unsigned owner;
};
/* The second name of the socket that is bound to bound[n], which need not end with 0. 0: it has none. */
int wb_shim_find_name(const char *table, const char *bound, size_t n, struct wb_shim_name *ret);
/* Is this the process that CRIU begins with, and not one that it has made? */
int wb_shim_is_criu(void);

/* Give a socket that was just bound its second name, if it has one. -1 with errno. */
int wb_shim_give_name(const struct sockaddr *address, size_t size);
/* 1: both are the same address of a TCP, UDP or Unix socket. Other families are never the same. */
int wb_shim_same_address(
	const struct sockaddr *a, socklen_t n_a, const struct sockaddr *b, socklen_t n_b);

/* So many bytes at the beginning of a mapping are moved: CRIU uses 24 on x86-64. */
#define WB_SHIM_WINDOW 64
#define WB_SHIM_TASKS 1024
/* x86-64 has 27 general registers, arm64 34. */
#define WB_SHIM_WORDS 40

/* /proc/PID/maps, read in pieces of any length. Begins as zeroes. */
struct wb_shim_maps {
	unsigned long first;  /* start of the first executable mapping; 0: none yet */
	int shared;           /* that one is shared */
	unsigned long usable; /* start of the first that is executable, readable and private */
	/* how far the line has been read */
	unsigned long start;
	int part;
	size_t n;
	char rights[4];
};
void wb_shim_read_maps(struct wb_shim_maps *maps, const char *text, size_t n);
/*
 * Let words that point into the window at `from` point to the same place at `to`, except those that are the same in
 * `own`, which may be NULL. Returns the number of words that were changed.
 */
size_t wb_shim_point(unsigned long *words, const unsigned long *own, size_t n, unsigned long from,
	unsigned long to);
