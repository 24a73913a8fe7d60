// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

/* mkdir -p of everything before the last slash. */
static int make_parents(const char *path)
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

static int real_write_file(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	WB_CLEAN_STR tmp = NULL;
	int fd, r = make_parents(path);

	if (r < 0)
		return r;
	if (asprintf(&tmp, "%s.new", path) < 0) {
		tmp = NULL;
		return -ENOMEM;
	}
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
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
		r = make_parents(path);
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
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

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

static uint64_t real_boot_ns(void *ctx)
{
	return clock_ns(CLOCK_BOOTTIME);
}

/* Far more than any cache holds, for a rate that main memory bears. */
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

/* As `udevadm settle` does: udevd has the file while it has events (src/udev/udev-manager.c). */
#define UDEV_QUEUE "/run/udev/queue"
#define SETTLE_PAUSE_MS 20

static void real_settle(void *ctx, unsigned ms)
{
	const struct timespec pause = {.tv_nsec = SETTLE_PAUSE_MS * 1000000};

	for (unsigned waited = 0; waited < ms && access(UDEV_QUEUE, F_OK) == 0;
		waited += SETTLE_PAUSE_MS)
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
	.settle = real_settle,
};

const struct wb_sys *wb_sys_real(void)
{
	return &wb_sys_host;
}
