// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A part of the library that is loaded before CRIU's own. A message on a netlink socket needs the capabilities of its
 * sender and of the process that has opened the socket, so that a program with more rights, which gets the socket as its
 * output, does not configure the network by what it prints (net/netlink/af_netlink.c, __netlink_ns_capable()). CRIU opens
 * it as root in the task that it restores. That task must not have more rights at this moment than it will have when it
 * runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/hook.h"
#include "shim/shim.h"

/* CRIU itself; its tasks are other processes, with the same memory. */
static pid_t itself;

__attribute__((constructor)) static void know_itself(void)
{
	itself = getpid();
}

int wb_shim_is_criu(void)
{
	return getpid() == itself;
}

typedef struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

static int set_caps(const caps c)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};

	return (int)syscall(SYS_capset, &head, c);
}

static int open_with_less(int type, int protocol, uint64_t rights)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	caps all, less;
	int fd, e;

	if (syscall(SYS_capget, &head, all) < 0)
		return -1;
	__builtin_memcpy(less, all, sizeof(all));
	less[0].effective &= (uint32_t)rights;
	less[1].effective &= (uint32_t)(rights >> 32);
	if (set_caps(less) < 0)
		return -1;
	fd = (int)syscall(SYS_socket, AF_NETLINK, type, protocol);
	e = errno;
	if (set_caps(all) < 0) {
		if (fd >= 0)
			syscall(SYS_close, fd);
		return -1;
	}
	errno = e;
	return fd;
}

int socket(int domain, int type, int protocol)
{
	const char *rights =
		domain == AF_NETLINK && !wb_shim_is_criu() ? getenv(WB_HOOK_NETLINK) : NULL;

	/*
	 * CRIU asks sock_diag(7) for each kind of socket, only so that the kernel loads its modules (criu/sockets.c,
	 * preload_socket_modules()). The kernel checks a signature for each: together they take longer than the restore of
	 * a small service, which needs none of them.
	 */
	if (domain == AF_NETLINK && protocol == NETLINK_SOCK_DIAG && getenv(WB_HOOK_BRIEF)) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	if (rights && protocol != NETLINK_NETFILTER)
		return open_with_less(type, protocol, strtoull(rights, NULL, 16));
	return (int)syscall(SYS_socket, domain, type, protocol);
}
