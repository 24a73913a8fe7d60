// SPDX-License-Identifier: LGPL-2.1-or-later
/* A library that a hostile service wants loaded by root: it leaves a file where only root can. */
#include <fcntl.h>
#include <unistd.h>

__attribute__((constructor)) static void loaded(void)
{
	int fd;

	if (getuid() != 0)
		return;
	fd = open("/proc/1/root/root/owned-by-preload", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
}
