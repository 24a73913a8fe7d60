// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real implementation of struct wb_sys: every system call with an effect on the machine. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/kexec.h>
#include <linux/magic.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "arch/arch.h"
#include "sys/sys.h"

static int real_kexec_load(void *ctx, uint64_t entry, const struct wb_sys_segment *segments,
	size_t n, unsigned long flags)
{
	struct kexec_segment raw[KEXEC_SEGMENT_MAX] = {};

	if (n > KEXEC_SEGMENT_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		raw[i].buf = (void *)segments[i].buf;
		raw[i].bufsz = segments[i].bufsz;
		raw[i].mem = (void *)(uintptr_t)segments[i].mem;
		raw[i].memsz = segments[i].memsz;
	}
	if (syscall(SYS_kexec_load, (unsigned long)entry, n, raw, flags) < 0)
		return -errno;
	return 0;
}

static int real_kexec_file_load(
	void *ctx, int kernel_fd, int initrd_fd, const char *cmdline, unsigned long flags)
{
	unsigned long len = cmdline ? strlen(cmdline) + 1 : 0;

	if (initrd_fd < 0)
		flags |= KEXEC_FILE_NO_INITRAMFS;
	if (syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, len, cmdline, flags) < 0)
		return -errno;
	return 0;
}

static int real_reboot_kexec(void *ctx)
{
	reboot((int)LINUX_REBOOT_CMD_KEXEC);
	return -errno;
}

static int real_may_boot(void *ctx)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &head, data) < 0)
		return geteuid() == 0;
	return !!(data[0].effective & (1u << CAP_SYS_BOOT));
}

static int real_random(void *ctx, void *ret, size_t n)
{
	uint8_t *p = ret;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

static int write_all(int fd, struct wb_bytes in)
{
	while (in.size) {
		ssize_t put = write(fd, in.data, in.size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		in.data += put;
		in.size -= (size_t)put;
	}
	return 0;
}

static int real_memfd(void *ctx, const char *name, struct wb_bytes contents)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, contents);
	if (r == 0 && fcntl(fd, F_ADD_SEALS,
			      F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int real_open_read(void *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int real_close_fd(void *ctx, int fd)
{
	return close(fd) < 0 ? -errno : 0;
}

int wb_make_parents(const char *path)
{
	char dir[4096];
	size_t n = strlen(path);

	if (n >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, n + 1);
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

static int real_make_dir(void *ctx, const char *path, unsigned mode)
{
	int fd, r = wb_make_parents(path);

	if (r < 0)
		return r;
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, mode) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int sync_parent(const char *path)
{
	WB_CLEAN_STR dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int fd, r = 0;

	if (!slash)
		return dir ? 0 : -ENOMEM;
	slash[slash == dir] = 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close(fd);
	return r;
}

/*
 * Create a file beside `path` under a name that nobody can predict or have opened. The length of
 * the name does not depend on the file that it replaces, whose name may have the maximum length.
 * *ret_name is to be freed.
 */
static int create_beside(const char *path, unsigned mode, char **ret_name)
{
	const char *slash = strrchr(path, '/');
	int in_dir = slash ? (int)(slash + 1 - path) : 0;

	for (int tries = 0; tries < 100; tries++) {
		WB_CLEAN_STR name = NULL;
		uint64_t number;
		int fd, r = real_random(NULL, &number, sizeof(number));

		if (r < 0)
			return r;
		if (asprintf(&name, "%.*s.warmboot-%016" PRIx64, in_dir, path, number) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		*ret_name = name;
		name = NULL;
		return fd;
	}
	return -EEXIST;
}

static int real_write_file(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	WB_CLEAN_STR tmp = NULL;
	int fd, r = wb_make_parents(path);

	if (r < 0)
		return r;
	fd = create_beside(path, mode, &tmp);
	if (fd < 0)
		return fd;
	r = write_all(fd, contents);
	if (r == 0 && fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r == 0)
		return sync_parent(path);
	unlink(tmp);
	return r;
}

static int real_remove_file(void *ctx, const char *path)
{
	return remove(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int real_append_file(
	void *ctx, const char *path, struct wb_bytes contents, unsigned mode, uint64_t limit)
{
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
	struct stat st;
	int fd = open(path, flags, mode), r;

	if (fd < 0 && errno == ENOENT) {
		r = wb_make_parents(path);
		if (r < 0)
			return r;
		fd = open(path, flags, mode);
	}
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && (uint64_t)st.st_size >= limit)
		r = -EFBIG;
	if (r == 0)
		r = write_all(fd, contents);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int real_write_at(void *ctx, const char *path, uint64_t off, struct wb_bytes contents)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), r = 0;

	if (fd < 0)
		return -errno;
	if (lseek(fd, (off_t)off, SEEK_SET) < 0)
		r = -errno;
	if (r == 0)
		r = write_all(fd, contents);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int real_sync_file(void *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r;

	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int real_remove_efivar(void *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), flags, r = 0;
	struct statfs fs;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstatfs(fd, &fs) < 0)
		r = -errno;
	else if (fs.f_type != EFIVARFS_MAGIC)
		r = -EINVAL;
	else if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		r = -errno;
	if (r == 0 && (flags & FS_IMMUTABLE_FL)) {
		flags &= ~FS_IMMUTABLE_FL;
		if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
			r = -errno;
	}
	close(fd);
	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

static int real_write_efivar(void *ctx, const char *path, struct wb_bytes contents)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644), r = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* efivarfs takes a variable in one write. */
	n = write(fd, contents.data, contents.size);
	if (n != (ssize_t)contents.size)
		r = n < 0 ? -errno : -EIO;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static uint64_t real_tsc(void *ctx)
{
	return wb_arch_cycles();
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts = {};

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static uint64_t real_wall_ns(void *ctx)
{
	return clock_ns(CLOCK_REALTIME);
}

static uint64_t real_mono_ns(void *ctx)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t real_raw_ns(void *ctx)
{
	return clock_ns(CLOCK_MONOTONIC_RAW);
}

static uint64_t real_boot_ns(void *ctx)
{
	return clock_ns(CLOCK_BOOTTIME);
}

/* Far more than any cache holds, so that main memory sets the rate. */
#define COPY_BYTES (32u << 20)
#define COPY_PAGE 4096

static double real_copy_rate(void *ctx)
{
	uint8_t *a = malloc(COPY_BYTES), *b = malloc(COPY_BYTES);
	uint64_t begin = 0, end = 0;

	if (a && b) {
		memset(a, 1, COPY_BYTES);
		memset(b, 2, COPY_BYTES);
		begin = clock_ns(CLOCK_MONOTONIC);
		for (size_t i = 0; i < COPY_BYTES; i += COPY_PAGE)
			wb_arch_copy_page(b + i, a + i);
		end = clock_ns(CLOCK_MONOTONIC);
	}
	free(a);
	free(b);
	return end > begin ? COPY_BYTES * 1e9 / (double)(end - begin) : 0;
}

/*
 * udevd has this file while events are pending, as `udevadm settle` checks
 * (src/udev/udev-manager.c).
 */
#define UDEV_QUEUE "/run/udev/queue"
#define SETTLE_PAUSE_MS 20

static void real_settle(void *ctx, unsigned ms)
{
	const struct timespec pause = {.tv_nsec = SETTLE_PAUSE_MS * 1000000};

	const uint64_t end = clock_ns(CLOCK_MONOTONIC) + ms * UINT64_C(1000000);

	while (clock_ns(CLOCK_MONOTONIC) < end && access(UDEV_QUEUE, F_OK) == 0)
		nanosleep(&pause, NULL);
}

const struct wb_sys wb_sys_host = {
	.size = sizeof(struct wb_sys),
	.files = &wb_files_host,
	.kexec_load = real_kexec_load,
	.kexec_file_load = real_kexec_file_load,
	.reboot_kexec = real_reboot_kexec,
	.may_boot = real_may_boot,
	.random = real_random,
	.memfd = real_memfd,
	.open_read = real_open_read,
	.close_fd = real_close_fd,
	.write_file = real_write_file,
	.remove_file = real_remove_file,
	.tsc = real_tsc,
	.wall_ns = real_wall_ns,
	.copy_rate = real_copy_rate,
	.mono_ns = real_mono_ns,
	.boot_ns = real_boot_ns,
	.append_file = real_append_file,
	.write_at = real_write_at,
	.remove_efivar = real_remove_efivar,
	.write_efivar = real_write_efivar,
	.make_dir = real_make_dir,
	.sync_file = real_sync_file,
	.settle = real_settle,
	.raw_ns = real_raw_ns,
};

const struct wb_sys *wb_sys_real(void)
{
	return &wb_sys_host;
}
