// SPDX-License-Identifier: LGPL-2.1-or-later
/* struct wb_store_io over the real machine. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/impl.h"

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif

#define SMALL_PAGE 4096
#define UNIT "warmboot-store.service"
#define HOLDER "@warmboot-store"

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

static void real_unmap(void *ctx, uint8_t *at, uint64_t size)
{
	munmap(at, size);
}

static int real_sync(void *ctx, uint8_t *at, uint64_t size)
{
	/* Memory itself has nowhere to be written to, and says so. */
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

		(void)*page; /* only what was touched has an entry */
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
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
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

/* Without its words: whoever called says it better. */
static int run(char *const *argv)
{
	posix_spawn_file_actions_t quiet;
	extern char **environ;
	int status, r;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	r = -posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (r < 0)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int systemctl(const char *verb)
{
	char *const argv[] = {"systemctl", "--quiet", (char *)verb, UNIT, NULL};

	return run(argv);
}

static int real_load_module(void *ctx, const char *name)
{
	char *const argv[] = {"/sbin/modprobe", "-q", (char *)name, NULL};

	return run(argv) < 0 ? -ENOENT : 0;
}

/* In the child: a session of its own, and a standard output that it closes when it is ready. */
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
	char byte;
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
		waitpid(pid, NULL, 0);
		while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
			;
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
		return 0; /* it is gone */
	if (read(fd, name, sizeof(name)) < 0)
		name[0] = 0;
	close(fd);
	/* Its number may be another's by now. */
	if (pid <= 0 || memcmp(name, HOLDER, sizeof(HOLDER)) || kill(pid, SIGKILL) < 0)
		return 0;
	/* The memory is back when the process is gone, not when it was told to go. */
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	return 0;
}

const struct wb_store_io wb_store_io_host = {
	.area = real_area,
	.map = real_map,
	.unmap = real_unmap,
	.sync = real_sync,
	.physical = real_physical,
	.huge_memfd = real_huge_memfd,
	.allocate = real_allocate,
	.close = real_close,
	.write_text = real_write_text,
	.create_file = real_create_file,
	.cpus = real_cpus,
	.self = real_self,
	.load_module = real_load_module,
	.start_holder = real_start_holder,
	.stop_holder = real_stop_holder,
};
