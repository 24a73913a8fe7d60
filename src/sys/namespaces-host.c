// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The system calls of namespaces.c. No other file opens anything in /proc/PID/ns, or
 * /proc/PID/root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/namespaces.h"

static int host_process(void *ctx, int64_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%lld", (long long)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Without O_PATH for a namespace, because ioctl(2) needs a real descriptor; with it for a
 * directory.
 */
static int host_open(void *ctx, int process, const char *name)
{
	int flags = strncmp(name, "ns/", 3) ? O_PATH : O_RDONLY;
	int fd = openat(process, name, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int host_read(void *ctx, int process, const char *name, struct wb_blob *ret)
{
	WB_CLEAN_BLOB b = {};
	int fd = openat(process, name, O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	while (r == 0) {
		char part[4096];
		ssize_t n = read(fd, part, sizeof(part));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		r = wb_blob_append(&b, part, (size_t)n);
	}
	close(fd);
	if (r == 0)
		r = wb_blob_append(&b, "", 1);
	if (r < 0)
		return r;
	*ret = wb_blob_take(&b);
	return 0;
}

static int host_open_machine(void *ctx, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int root = open("/proc/1/root", O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (root < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	fd = fd < 0 ? -errno : fd;
	close(root);
	return fd;
}

int wb_ns_open_own(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int host_identity(void *ctx, int fd, struct wb_ns_id *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct wb_ns_id){st.st_dev, st.st_ino};
	return 0;
}

static int host_type(void *ctx, int ns)
{
	int r = ioctl(ns, NS_GET_NSTYPE);

	return r < 0 ? -errno : r;
}

static int host_owner(void *ctx, int ns)
{
	int r = ioctl(ns, NS_GET_USERNS);

	return r < 0 ? -errno : r;
}

static int host_parent(void *ctx, int user_ns)
{
	int r = ioctl(user_ns, NS_GET_PARENT);

	return r < 0 ? -errno : r;
}

static int host_owner_uid(void *ctx, int user_ns, uint32_t *ret)
{
	uid_t uid;

	if (ioctl(user_ns, NS_GET_OWNER_UID, &uid) < 0)
		return -errno;
	*ret = uid;
	return 0;
}

static void host_close(void *ctx, int fd)
{
	close(fd);
}

const struct wb_ns_ops wb_ns_ops_host = {
	.process = host_process,
	.open = host_open,
	.read = host_read,
	.identity = host_identity,
	.type = host_type,
	.owner = host_owner,
	.parent = host_parent,
	.owner_uid = host_owner_uid,
	.close = host_close,
	.open_machine = host_open_machine,
};
