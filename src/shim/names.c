// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A part of the library that is loaded before CRIU's own: second names of Unix sockets. A server that binds a socket to
 * one name and then renames or links it to another is restored by CRIU with the first name alone. This gives it the
 * second one at bind(2), when the file surely exists: CRIU removes it again at once if the first name was gone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "criu/hook.h"
#include "shim/shim.h"

int wb_shim_find_name(const char *table, const char *bound, size_t n, struct wb_shim_name *ret)
{
	n = strnlen(bound, n);
	while (*table) {
		const char *line[3], *end[3];

		for (int i = 0; i < 3; i++) {
			line[i] = table;
			end[i] = strchr(table, '\n');
			if (!end[i])
				return 0;
			table = end[i] + 1;
		}
		if ((size_t)(end[1] - line[1]) == n && !memcmp(line[1], bound, n)) {
			*ret = (struct wb_shim_name){line[2], (size_t)(end[2] - line[2]),
				(unsigned)strtoul(line[0], NULL, 10)};
			return 1;
		}
	}
	return 0;
}

/* The system call itself: sockets.c replaces libc's for CRIU. */
static int look(const char *path, struct stat *ret)
{
	return (int)syscall(SYS_newfstatat, AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW);
}

/* An older socket of the same user makes room. Anything else by that name is left, and the link fails. */
static void make_room(const char *now, unsigned owner)
{
	struct stat st;

	if (look(now, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == owner)
		syscall(SYS_unlinkat, AT_FDCWD, now, 0);
}

int wb_shim_give_name(const struct sockaddr *address, size_t size)
{
	const struct sockaddr_un *un = (const void *)address;
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = size - head;
	const char *table = getenv(WB_HOOK_NAMES);
	char bound[sizeof(un->sun_path) + 1] = "", now[PATH_MAX];
	struct wb_shim_name name;

	if (!table || size <= head || address->sa_family != AF_UNIX || !un->sun_path[0] ||
		!wb_shim_find_name(table, un->sun_path, n, &name))
		return 0;
	if (name.n >= sizeof(now)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(bound, un->sun_path, strnlen(un->sun_path, n));
	memcpy(now, name.now, name.n);
	now[name.n] = '\0';
	make_room(now, name.owner);
	return (int)syscall(SYS_linkat, AT_FDCWD, bound, AT_FDCWD, now, 0);
}

/* Processes that CRIU makes do not tidy up. A renamed socket has its second name alone. CRIU needs the first one until the socket is complete. */
__attribute__((destructor)) static void tidy(void)
{
	const char *table = wb_shim_is_criu() ? getenv(WB_HOOK_NAMES) : NULL;
	int e = errno;

	while (table && *table) {
		const char *bound = strchr(table, '\n');
		const char *now = bound ? strchr(bound + 1, '\n') : NULL;
		const char *end = now ? strchr(now + 1, '\n') : NULL;
		char a[PATH_MAX] = "", b[PATH_MAX] = "";
		struct stat sa, sb;

		if (!end || now - bound > PATH_MAX || end - now > PATH_MAX)
			break;
		memcpy(a, bound + 1, (size_t)(now - bound - 1));
		memcpy(b, now + 1, (size_t)(end - now - 1));
		if (look(a, &sa) == 0 && S_ISSOCK(sa.st_mode) && look(b, &sb) == 0 &&
			sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino)
			syscall(SYS_unlinkat, AT_FDCWD, a, 0);
		table = end + 1;
	}
	errno = e;
}
