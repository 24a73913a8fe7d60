// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A library that is loaded before CRIU's own. CRIU 4.1 and earlier ask every socket for SO_PASSCRED
 * and SO_PASSSEC, and fail if a socket does not know them; since Linux 6.16 only Unix and netlink
 * sockets do (net/core/sock.c, sk_getsockopt()). CRIU 4.2 no longer asks. A socket without the
 * option counts as one where it is not set.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	/* The libc function that this one replaces makes the same call. */
	int r = (int)syscall(SYS_getsockopt, fd, level, name, value, size);

	if (r < 0 && errno == EOPNOTSUPP && level == SOL_SOCKET &&
		(name == SO_PASSCRED || name == SO_PASSSEC) && *size >= sizeof(int)) {
		*(int *)value = 0;
		return 0;
	}
	return r;
}
