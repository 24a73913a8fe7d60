// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real implementation of struct wb_store_io. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/impl.h"
#include "sys/runner.h"
#include "systemd/systemctl.h"

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif

#define SMALL_PAGE 4096
#define UNIT "warmboot-store.service"
#define HOLDER "@warmboot-store"
/* The holder compacts memory first; its unit's TimeoutStartSec= is as long. */
#define HOLDER_MS WB_SPAWN_LONGEST_MS
#define MODULE_MS 30000

/* Bits of /proc/self/pagemap, Documentation/admin-guide/mm/pagemap.rst. */
#define PM_PRESENT (1ull << 63)
#define PM_FRAME ((1ull << 55) - 1)

static int real_area(void *ctx, uint64_t size, uint8_t **ret)
{
	uint64_t whole = size + WB_STORE_PAGE;
	uint8_t *p =
		mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *at;

	if (p == MAP_FAILED)
		return -errno;
	at = (uint8_t *)wb_align_up((uintptr_t)p, WB_STORE_PAGE);
	if (at > p)
		munmap(p, at - p);
	munmap(at + size, p + whole - (at + size));
	*ret = at;
	return 0;
}

static int real_map(
	void *ctx, const char *path, uint64_t off, uint64_t size, bool write, uint8_t *at)
{
	int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (mmap(at, size, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED | MAP_FIXED, fd,
		    (off_t)off) == MAP_FAILED)
		r = -errno;
	close(fd);
	return r;
}

/*
 * Copy through a pipe: if a mapped page is gone, the kernel returns EFAULT. /dev/mem itself cannot
 * be read, because read(2) ends at the end of RAM (valid_phys_addr_range() in the kernel's
 * arch/x86/mm/mmap.c).
 */
static int real_copy(void *ctx, const uint8_t *from, void *ret, size_t n)
{
	uint8_t *to = ret;
	int ends[2], r = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	while (n && r == 0) {
		size_t part = n < SMALL_PAGE ? n : SMALL_PAGE;
		ssize_t put = write(ends[1], from, part);

		if (put < 0)
			r = -errno;
		else if (put == 0 || read(ends[0], to, (size_t)put) != put)
			r = -EIO;
		else {
			from += put;
			to += put;
			n -= (size_t)put;
		}
	}
	close(ends[0]);
	close(ends[1]);
	return r;
}

/* O_EXCL without O_CREAT fails for a block device that the system uses (open(2)). */
static int real_claimed(void *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == EBUSY ? 1 : -errno;
	close(fd);
	return 0;
}

static int64_t real_file_size(void *ctx, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? st.st_size : -EINVAL;
}

static void real_unmap(void *ctx, uint8_t *at, uint64_t size)
{
	munmap(at, size);
}

static int real_sync(void *ctx, uint8_t *at, uint64_t size)
{
	/* Memory has no file to be written to: EINVAL. */
	return msync(at, size, MS_SYNC) < 0 && errno != EINVAL ? -errno : 0;
}

static int real_physical(void *ctx, const uint8_t *at, size_t n, uint64_t *ret)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < n && r == 0; i++) {
		const volatile uint8_t *page = at + i * WB_STORE_PAGE;
		uint64_t entry;

		(void)*page; /* only a touched page has an entry */
		if (pread(fd, &entry, sizeof(entry),
			    (off_t)((uintptr_t)page / SMALL_PAGE * sizeof(entry))) != sizeof(entry))
			r = -EIO;
		else if (!(entry & PM_PRESENT))
			r = -ENXIO;
		else
			ret[i] = (entry & PM_FRAME) * SMALL_PAGE;
	}
	close(fd);
	return r;
}

static int real_huge_memfd(void *ctx, const char *name, uint64_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB), r;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int real_allocate(void *ctx, int fd, uint64_t size)
{
	return fallocate(fd, 0, 0, (off_t)size) < 0 ? -errno : 0;
}

static int real_close(void *ctx, int fd)
{
	return close(fd) < 0 ? -errno : 0;
}

static int real_write_text(void *ctx, const char *path, const char *text)
{
	return wb_poke_at(AT_FDCWD, path, text);
}

static bool real_on_root(void *ctx, const char *path, const char *below)
{
	struct stat root, st;

	return stat("/", &root) == 0 && (stat(path, &st) == 0 || stat(below, &st) == 0) &&
	       st.st_dev == root.st_dev;
}

static int real_create_file(void *ctx, const char *path, uint64_t size)
{
	char dir[256];
	int fd, r;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = -posix_fallocate(fd, 0, (off_t)size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		unlink(path);
	return r;
}

static size_t real_cpus(void *ctx)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (size_t)n : 1;
}

static int real_self(void *ctx)
{
	return getpid();
}

/* Run a program without its messages; the caller has a better sentence. */
static int run(const char *const *argv, long ms)
{
	int r = wb_spawn(&(struct wb_spawn){.argv = argv, .deadline_ms = ms}, NULL, NULL);

	return r > 0 ? -EIO : r;
}

static int systemctl(const char *verb)
{
	return wb_systemctl(
		&wb_runner_host, &(struct wb_systemctl){verb, UNIT, "--quiet", HOLDER_MS}, NULL);
}

static int real_load_module(void *ctx, const char *name)
{
	const char *const argv[] = {"/sbin/modprobe", "-q", name, NULL};

	return run(argv, MODULE_MS) < 0 ? -ENOENT : 0;
}

/* In the child: begin a session, with a standard output that is closed when the child is ready. */
static void become_holder(int ready)
{
	char *const argv[] = {HOLDER, "store", "hold", NULL};
	int null = open("/dev/null", O_RDWR);

	setsid();
	if (fork() != 0)
		_exit(0);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
		dup2(ready, STDOUT_FILENO) < 0 || chdir("/") < 0)
		_exit(1);
	execv("/proc/self/exe", argv);
	_exit(1);
}

static int daemonise(void)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		become_holder(ends[1]);
	r = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (r == 0) {
		/* The child's end of the pipe is closed when it is ready, or has ended. */
		struct pollfd p = {.fd = ends[0], .events = POLLIN};

		wb_reap(pid, HOLDER_MS, NULL);
		while ((r = poll(&p, 1, HOLDER_MS)) < 0 && errno == EINTR)
			;
		r = r > 0 ? 0 : r == 0 ? -ETIME : -errno;
	}
	close(ends[0]);
	return r;
}

static int real_start_holder(void *ctx, bool systemd)
{
	return systemd ? systemctl("start") : daemonise();
}

static int real_stop_holder(void *ctx, bool systemd, int pid)
{
	char path[64], name[sizeof(HOLDER)] = "";
	int fd;

	if (systemd)
		return systemctl("stop");
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* the holder has ended already */
	if (read(fd, name, sizeof(name)) < 0)
		name[0] = 0;
	close(fd);
	/* The process number may belong to another process by now. */
	if (pid <= 0 || memcmp(name, HOLDER, sizeof(HOLDER)) || kill(pid, SIGKILL) < 0)
		return 0;
	/* The memory is released when the process is gone, not when it was signalled. */
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	return 0;
}

const struct wb_store_io wb_store_io_host = {
	.area = real_area,
	.map = real_map,
	.copy = real_copy,
	.claimed = real_claimed,
	.file_size = real_file_size,
	.unmap = real_unmap,
	.sync = real_sync,
	.physical = real_physical,
	.huge_memfd = real_huge_memfd,
	.allocate = real_allocate,
	.close = real_close,
	.write_text = real_write_text,
	.create_file = real_create_file,
	.on_root = real_on_root,
	.cpus = real_cpus,
	.self = real_self,
	.load_module = real_load_module,
	.start_holder = real_start_holder,
	.stop_holder = real_stop_holder,
};
